"""What an onboarding knows before it decides anything: what was sold, and what the ledger says about it."""

import msgspec

from canonical.ledger import AccountingPeriod, CustomerAccount, DimensionValue, LegalEntity, PaymentTerms, TaxCode
from canonical.sales import Contract, Customer, Opportunity


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """What the CRM says. A deal without services may have no contract."""

    opportunity: Opportunity
    customer: Customer
    contract: Contract | None
    amended_contract: Contract | None = None


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What the ERP says that bears on one contract. `entity` is absent when the ERP does not know it."""

    entity: LegalEntity | None
    cost_centres: tuple[DimensionValue, ...] = ()
    tax_codes: tuple[TaxCode, ...] = ()
    periods: tuple[AccountingPeriod, ...] = ()
    payment_terms: tuple[PaymentTerms, ...] = ()
    account: CustomerAccount | None = None


def classify(deal: Deal) -> str:
    """What a won deal is: `new`, `extension`, `change_order`, `renewal` or `no_services`.

    Only new deals and renewals become projects; extensions and change orders amend one; the last kind is closed.
    """
    if deal.opportunity.kind == "no_services":
        return "no_services"
    if deal.contract is not None and deal.contract.amends_contract_id is not None:
        return "change_order" if deal.opportunity.kind == "change_order" else "extension"
    return deal.opportunity.kind
