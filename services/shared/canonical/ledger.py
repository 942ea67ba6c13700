"""Legal entities, dimensions, tax codes, periods, customer accounts and project shells. Master: ERP."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.effective import DateRange
from canonical.ids import ContractId, CustomerAccountId, CustomerId, LegalEntityId, ProjectId, ProjectShellId
from canonical.moments import Moment, TimeZone
from canonical.money import Currency, PercentText
from canonical.references import Code, Country, ExternalId, LegalEntityCode, ShortText
from canonical.sales import TaxRegistration

ShellStatus = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["planned", "approved", "closed"]})]


class LegalEntity(msgspec.Struct, frozen=True, kw_only=True):
    """A company that contracts, books and reports. Its time zone turns moments into its business days."""

    id: LegalEntityId
    external_ids: tuple[ExternalId, ...] = ()
    code: LegalEntityCode
    name: str
    country: Country
    base_currency: Currency
    time_zone: TimeZone
    tax_registrations: tuple[TaxRegistration, ...] = ()
    currencies: tuple[Currency, ...] = ()


class DimensionValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a dimension (cost_centre, practice, region) in one legal entity."""

    legal_entity_code: LegalEntityCode
    dimension: str
    code: str
    name: str


class TaxCode(msgspec.Struct, frozen=True, kw_only=True):
    """A tax code of one legal entity. `rate_percent` is absent where neither the ERP nor its connection tells it."""

    legal_entity_code: LegalEntityCode
    code: str
    name: str
    kind: Annotated[
        str,
        Meta(
            extra_json_schema={"x-extensible-enum": ["standard", "reduced", "reverse_charge", "exempt", "out_of_scope"]}
        ),
    ]
    rate_percent: PercentText | None = None


class SubledgerState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a subledger takes postings that are dated in the period."""

    subledger: Annotated[
        str, Meta(extra_json_schema={"x-extensible-enum": ["general_ledger", "receivables", "projects"]})
    ]
    state: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["open", "closed", "future"]})]


class AccountingPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of an entity's fiscal calendar; the range is half-open. `closed` is the whole period's, for good.

    `subledgers` says what may be posted now, `posting` the days of the period that take postings (an ERP may open a
    window that is no whole period); absent: none.
    """

    legal_entity_code: LegalEntityCode
    name: str
    effective: DateRange
    closed: bool
    subledgers: tuple[SubledgerState, ...] = ()
    posting: DateRange | None = None


class PaymentTerms(msgspec.Struct, frozen=True, kw_only=True):
    legal_entity_code: LegalEntityCode
    code: str
    name: str


class NewCustomerAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The customer's account in one legal entity and currency: found if it exists, requested otherwise."""

    customer_id: CustomerId
    customer_number: Code
    legal_entity_code: LegalEntityCode
    currency: Currency
    name: ShortText
    email: ShortText | None = None
    country: Country
    tax_registration_id: Code | None = None
    payment_terms_code: Code | None = None


class CustomerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A receivables account. Nothing is set up for a `blocked` one."""

    id: CustomerAccountId
    external_ids: tuple[ExternalId, ...] = ()
    customer_id: str | None
    number: str
    legal_entity_code: LegalEntityCode
    currency: Currency
    name: str
    blocked: bool
    tax_registration_id: str | None


class NewProjectShell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The project as the ledger needs it: entity, cost centre, currency, customer, dates."""

    project_id: ProjectId
    contract_id: ContractId
    number: Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{2,19}$(?!\n)")]
    name: ShortText
    legal_entity_code: LegalEntityCode
    cost_centre_code: Code
    currency: Currency
    customer_account_id: CustomerAccountId
    start_date: date
    end_date: date


class ProjectShell(msgspec.Struct, frozen=True, kw_only=True):
    id: ProjectShellId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: str | None
    number: str
    name: str
    legal_entity_code: LegalEntityCode
    cost_centre_code: str | None
    currency: Currency
    customer_account_id: CustomerAccountId | None
    status: ShellStatus
    start_date: date | None
    end_date: date | None
    updated_at: Moment


class ShellAmendment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An extension: the shell's new end."""

    end_date: date
