"""Business Central's records as canonical ones: pure functions. Ids are native: `<company id>/<record id>`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from itertools import pairwise

from canonical.effective import DateRange
from canonical.ledger import (
    AccountingPeriod,
    CustomerAccount,
    DimensionValue,
    LegalEntity,
    NewCustomerAccount,
    NewProjectShell,
    PaymentTerms,
    ProjectShell,
    SubledgerState,
    TaxCode,
)
from canonical.references import ExternalId
from canonical.sales import TaxRegistration
from system_apis.erp.business_central.records import (
    Company,
    CurrencyRecord,
    CustomerRecord,
    DimensionValueRecord,
    InformationRecord,
    LedgerRecord,
    PaymentTermsRecord,
    PeriodRecord,
    ProjectCardRecord,
    TaxGroupRecord,
    WindowRecord,
)

MOST_NAME = 100  # characters of a name in Business Central; a longer one is cut, it identifies nothing
MOST_NUMBER = 20
OPEN, COMPLETED = "Open", "Completed"
_SHELL_STATUS = {"Planning": "planned", "Quote": "planned", OPEN: "approved", COMPLETED: "closed"}
SUBLEDGERS = ("general_ledger", "receivables")
_NOT_BLOCKED = frozenset({"", " ", "_x0020_"})


def pack(company_id: str, record_id: str) -> str:
    """A native id: record ids are unique in the environment, but their address needs the company."""
    return f"{company_id}/{record_id}"


def unpack(native_id: str) -> tuple[str, str]:
    company_id, _, record_id = native_id.partition("/")
    return company_id, record_id


def to_legal_entity(
    company: Company,
    information: InformationRecord,
    ledger: LedgerRecord,
    currencies: Sequence[CurrencyRecord],
) -> LegalEntity:
    base = ledger.local_currency_code
    registered = information.tax_registration_number
    return LegalEntity(
        id=company.id,
        code=company.code,
        name=information.display_name,
        country=company.settings.country,
        base_currency=base,
        time_zone=company.settings.time_zone,
        tax_registrations=(TaxRegistration(country=company.settings.country, id=registered),) if registered else (),
        currencies=(base, *(currency.code for currency in currencies if currency.code != base)),
    )


def to_dimension_value(code: str, dimension: str, record: DimensionValueRecord) -> DimensionValue:
    return DimensionValue(legal_entity_code=code, dimension=dimension, code=record.code, name=record.display_name)


def to_tax_codes(
    code: str, kinds: Mapping[str, str], rates: Mapping[str, str], records: Sequence[TaxGroupRecord]
) -> tuple[TaxCode, ...]:
    """Only those whose kind the firm has said: a code of unknown treatment must not be chosen."""
    return tuple(
        TaxCode(
            legal_entity_code=code,
            code=record.code,
            name=record.display_name,
            kind=kinds[record.code],
            rate_percent=rates.get(record.code),
        )
        for record in records
        if record.code in kinds
    )


def to_accounting_periods(
    code: str, records: Sequence[PeriodRecord], window: WindowRecord
) -> tuple[AccountingPeriod, ...]:
    """A period ends where the next begins; the last record only ends the one before (Create Year makes thirteen)."""
    ordered = sorted(records, key=lambda record: record.starting_date)
    return tuple(
        _period(code, record, DateRange(from_date=record.starting_date, to_date=following.starting_date), window)
        for record, following in pairwise(ordered)
    )


def _period(code: str, record: PeriodRecord, days: DateRange, window: WindowRecord) -> AccountingPeriod:
    """There is one window for all: general ledger and receivables are open on the same days."""
    posting = _common(days, window)
    state = "open" if posting else ("closed" if days.from_date < window.allow_posting_from else "future")
    return AccountingPeriod(
        legal_entity_code=code,
        name=f"{record.name} {record.starting_date.year}",
        effective=days,
        closed=record.closed,
        subledgers=tuple(SubledgerState(subledger=subledger, state=state) for subledger in SUBLEDGERS),
        posting=posting,
    )


def _common(days: DateRange, window: WindowRecord) -> DateRange | None:
    """The days of the range that lie in the window, whose last day counts."""
    first = max(days.from_date, window.allow_posting_from)
    end = days.to_date or date.max
    if window.allow_posting_to != date.min:
        end = min(end, window.allow_posting_to + timedelta(days=1))
    return DateRange(from_date=first, to_date=end) if first < end else None


def to_payment_terms(
    code: str, ours: Mapping[str, str], records: Sequence[PaymentTermsRecord]
) -> tuple[PaymentTerms, ...]:
    """Under the firm's own codes; several of them may mean one record."""
    named: dict[str, list[str]] = {}
    for own, theirs in ours.items():
        named.setdefault(theirs, []).append(own)
    return tuple(
        PaymentTerms(legal_entity_code=code, code=own, name=record.display_name)
        for record in records
        for own in named.get(record.code, [record.code])
    )


def account_number(customer_number: str, currency: str, base_currency: str) -> str:
    """A customer has one currency: accounts in others have it in their number."""
    return customer_number if currency == base_currency else f"{customer_number}-{currency}"


def to_customer_account(company: Company, record: CustomerRecord) -> CustomerAccount:
    native = _external_id(company, "customer_account", record.id, record.currency_code)
    return CustomerAccount(
        id=native.id,
        external_ids=(native,),
        customer_id=None,
        number=record.number,
        legal_entity_code=company.code,
        currency=record.currency_code,
        name=record.display_name,
        blocked=record.blocked not in _NOT_BLOCKED,
        tax_registration_id=record.tax_registration_number or None,
    )


def from_new_customer_account(new: NewCustomerAccount, number: str, terms_id: str | None) -> dict[str, object]:
    body: dict[str, object] = {
        "number": number,
        "displayName": new.name[:MOST_NAME],
        "type": "Company",
        "country": new.country,
        "currencyCode": new.currency,
    }
    wished = {"email": new.email, "taxRegistrationNumber": new.tax_registration_id, "paymentTermsId": terms_id}
    return body | {name: value for name, value in wished.items() if value is not None}


def to_project_shell(company: Company, record: ProjectCardRecord, account_ids: Mapping[str, str]) -> ProjectShell:
    """*account_ids* are the record ids of customers by number."""
    native = _external_id(company, "project_shell", record.id, None)
    customer = account_ids.get(record.bill_to_customer_number)
    return ProjectShell(
        id=native.id,
        external_ids=(native,),
        project_id=record.external_reference or None,
        number=record.number,
        name=record.display_name,
        legal_entity_code=company.code,
        cost_centre_code=record.global_dimension_1_code or None,
        currency=record.currency_code,
        customer_account_id=None if customer is None else pack(company.id, customer),
        status=_SHELL_STATUS.get(record.status, record.status.lower()),
        start_date=_day(record.starting_date),
        end_date=_day(record.ending_date),
        updated_at=record.last_modified_date_time.astimezone(UTC),
    )


def from_new_project_shell(new: NewProjectShell, customer_number: str) -> dict[str, object]:
    """`externalReference` is our project's id: by it we know our own shell again."""
    return {
        "number": new.number,
        "displayName": new.name[:MOST_NAME],
        "billToCustomerNumber": customer_number,
        "status": OPEN,
        "globalDimension1Code": new.cost_centre_code,
        "currencyCode": new.currency,
        "startingDate": new.start_date.isoformat(),
        "endingDate": new.end_date.isoformat(),
        "externalReference": new.project_id,
    }


def _external_id(company: Company, kind: str, record_id: str, currency: str | None) -> ExternalId:
    return ExternalId(
        connection=company.connection,
        kind=kind,
        id=pack(company.id, record_id),
        legal_entity_code=company.code,
        currency=currency,
    )


def _day(value: date) -> date | None:
    """The first of January of the year 1 is how Business Central writes "none"."""
    return None if value == date.min else value
