"""Customers of Stripe and billing accounts. Source: docs.stripe.com/api/customers."""

from typing import Any

import msgspec

from canonical.billing import BillingAccount, NewBillingAccount
from canonical.references import ExternalId
from servicekit.failures import Failure, Kind
from system_apis.billing.stripe.mapping.marks import PREFIX, Metadata, metadata

Fields = dict[str, Any]


class CustomerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as Stripe tells it; of a deleted one only the id is left."""

    id: str
    deleted: bool = False
    name: str | None = None
    email: str | None = None
    currency: str | None = None
    next_invoice_sequence: int | None = None
    metadata: Metadata = {}

    @property
    def own_currency(self) -> str | None:
        """The one that Stripe has fixed, or before the first invoice the one that we meant it for."""
        return self.currency.upper() if self.currency else self.metadata.get(PREFIX + "currency")

    @property
    def has_own_numbers(self) -> bool:
        """Whether its invoices have a sequence of their own: Stripe omits the field where the account numbers them."""
        return self.next_invoice_sequence is not None


def from_account(new: NewBillingAccount, key: str) -> Fields:
    """The form of a customer: one for each customer and currency, because Stripe fixes a customer's currency."""
    return {
        "name": new.name,
        "email": new.email,
        "address": {"country": new.country},
        "metadata": metadata(
            customer_id=new.customer_id,
            currency=new.currency,
            legal_entity=new.legal_entity_code,
            key=key,
        ),
    }


def is_account_of(record: CustomerRecord, customer_id: str, currency: str) -> bool:
    """Whether it is ours for this customer and currency, by our own mark and by the currency Stripe has fixed."""
    mark = record.metadata
    return (
        not record.deleted
        and mark.get(PREFIX + "customer_id") == customer_id
        and mark.get(PREFIX + "currency") == currency
        and record.currency in {None, currency.lower()}
    )


def to_account(record: CustomerRecord, connection: str, legal_entity_code: str) -> BillingAccount:
    """Raises MISSING for a customer whose currency nobody can know: it is no billing account of anyone."""
    currency = record.own_currency
    if record.deleted or currency is None:
        raise Failure(Kind.MISSING, "the billing platform has no such billing account")
    itself = ExternalId(
        connection=connection,
        kind="billing_account",
        id=record.id,
        legal_entity_code=legal_entity_code,
        currency=currency,
    )
    return BillingAccount(
        id=record.id,
        external_ids=(itself,),
        customer_id=record.metadata.get(PREFIX + "customer_id"),
        legal_entity_code=legal_entity_code,
        currency=currency,
        name=record.name or "",
        email=record.email,
    )
