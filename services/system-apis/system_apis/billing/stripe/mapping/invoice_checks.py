"""What is refused of an invoice before anything is sent: what does not add up, and what Stripe cannot hold."""

from collections.abc import Iterable, Iterator

from canonical.invoicing import NewInvoice
from canonical.money import Money, total
from servicekit.failures import Failure
from system_apis.billing.stripe.mapping.amounts import not_billable, wrong
from system_apis.billing.stripe.mapping.invoices import from_invoice, from_line
from system_apis.billing.stripe.mapping.seller import Seller


def check_invoice(new: NewInvoice, seller: Seller) -> None:
    """Raises INVALID: `other_legal_entity`, `mixed_currencies`, `repeated_line`, `totals_differ`, `not_billable`."""
    if new.legal_entity_code != seller.legal_entity_code:
        message = f"this connection bills for {seller.legal_entity_code}"
        raise wrong("/legal_entity_code", message, "other_legal_entity")
    if {money.currency for money in _amounts(new)} != {new.currency}:
        raise wrong("/currency", "an amount has another currency than the invoice", "mixed_currencies")
    keys = [line.key for line in new.lines]
    if len(keys) > len(set(keys)):
        raise wrong("/lines", "two lines have the same key", "repeated_line")
    _check_sums(new)
    if new.gross.value < 0:
        raise not_billable("an invoice is not below nothing", "/gross")
    from_invoice(new, "", seller)
    for position, line in enumerate(new.lines):
        from_line(line, position, seller)


def _amounts(new: NewInvoice) -> Iterator[Money]:
    yield from (new.net, new.gross)
    for part in new.tax:
        yield from (part.base, part.tax)
    for line in new.lines:
        yield from (line.amount, line.tax)


def _check_sums(new: NewInvoice) -> None:
    """Lines, taxes and totals say the same."""

    def summed(amounts: Iterable[Money]) -> Money:
        return total(list(amounts), new.currency)

    if new.net.value != summed(line.amount for line in new.lines).value:
        raise totals_differ("/net")
    if new.gross.value != (new.net + summed(part.tax for part in new.tax)).value:
        raise totals_differ("/gross")
    for place, part in enumerate(new.tax):
        lines = [line for line in new.lines if line.tax_code == part.tax_code]
        said = (part.base.value, part.tax.value)
        if said != (summed(line.amount for line in lines).value, summed(line.tax for line in lines).value):
            raise totals_differ(f"/tax/{place}")
    if {line.tax_code for line in new.lines} != {part.tax_code for part in new.tax}:
        raise totals_differ("/tax")


def totals_differ(pointer: str) -> Failure:
    return wrong(pointer, "the lines do not add up to the totals", "totals_differ")
