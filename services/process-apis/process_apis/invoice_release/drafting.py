"""The invoice before anything is written: lines, tax, dates, totals. A preview shows exactly what is issued."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from canonical.invoicing import TaxLine
from canonical.money import Money, total
from canonical.releases import Draft, DraftLine, LeftOut, LineSource
from canonical.rounding import allocate, line_amount, tax_of
from process_apis.invoice_release.facts import Matter
from process_apis.invoice_release.periods import posting_day
from process_apis.invoice_release.sharing import Share, Shared
from process_apis.rules.reading import InvoicingRules
from servicekit.failures import Failure, FieldError, Kind


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What the document is called before it has a number, and what kind it is."""

    reference: str
    kind: str


def draft_of(matter: Matter, shared: Shared, named: Named, rules: InvoicingRules) -> Draft:
    """Raises INVALID `period_closed` where no open period takes it."""
    contract, books = matter.agreement.contract, matter.books
    lines = _lines(matter, shared.billed, rules)
    net = total([line.amount for line in lines], contract.currency)
    percent = Decimal(_tax_percent(matter))
    tax = tax_of([line.amount for line in lines], percent, contract.currency, rules.tax_rounding)
    taxed = _taxed(lines, tax, percent, rules)
    document_date = matter.document_date or matter.today
    begins = min((line.supply_from for line in lines), default=document_date)
    return Draft(
        reference=named.reference,
        kind=named.kind,
        contract_number=contract.number,
        customer_name=matter.agreement.customer.name,
        legal_entity_code=contract.legal_entity_code,
        currency=contract.currency,
        customer_reference=None if contract.purchase_order is None else contract.purchase_order.number,
        tax_treatment=contract.tax_treatment,
        document_date=document_date,
        posting_date=posting_day(books.periods, document_date).day,
        due_date=document_date + timedelta(days=rules.payment_terms_days[contract.payment_terms]),
        supply_from=begins,
        supply_to=max((line.supply_to for line in lines), default=document_date + timedelta(days=1)),
        note=rules.notes.get(contract.tax_treatment),
        lines=taxed,
        tax=(TaxLine(tax_code=_tax_code(matter), percent=f"{percent.normalize():f}", base=net, tax=tax),),
        net=net,
        gross=net + tax,
        net_in_entity_currency=Money.of(net.value * Decimal(books.rate or 1), books.entity.base_currency),
        rate=books.rate,
        left_out=(*shared.left_out, *_not_billed(shared)),
    )


def would_post(draft: Draft) -> dict[str, Money]:
    """What the invoice moves in the ledger by account role, debit positive, in its own currency: never revenue (B1)."""
    entered: dict[str, Money] = {"receivable": draft.gross, "tax_payable": -(draft.gross - draft.net)}
    for line in draft.lines:
        former = entered.get(line.account_role, Money.of(0, draft.currency))
        entered[line.account_role] = former - line.amount
    return entered


def objections(matter: Matter, rules: InvoicingRules) -> Iterable[FieldError]:
    """What stands in the way of any invoice of this contract, whatever is on it."""
    contract, books = matter.agreement.contract, matter.books
    if books.account is None:
        yield _finding("bill_to_missing", "/customer", "the ERP has no account of the customer for entity and currency")
    elif books.account.blocked:
        yield _finding("customer_blocked", "/customer", f"account {books.account.number} is blocked in the ERP")
    if matter.work.schedule is None or matter.work.schedule.billing_account_id is None:
        yield _finding("bill_to_missing", "/billing_account", "billing has no active schedule of the project")
    if books.tax_code is None or books.tax_code.rate_percent is None:
        message = f"{contract.legal_entity_code} has no tax code with a rate for {contract.tax_treatment}"
        yield _finding("invoice_tax_unresolved", "/tax_treatment", message)
    if books.rate is None and contract.currency != books.entity.base_currency:
        day = matter.document_date or matter.today
        message = f"no rate from {contract.currency} to {books.entity.base_currency} holds on {day}"
        yield _finding("exchange_rate_missing", "/currency", message)
    order = contract.purchase_order
    if order is not None and order.required and not order.number:
        yield _finding("po_missing", "/purchase_order", f"contract {contract.number} needs a purchase order")
    if contract.payment_terms not in rules.payment_terms_days:
        message = f"nobody says how many days {contract.payment_terms} are"
        yield _finding("unknown_payment_terms", "/payment_terms", message)


def refuse(found: Iterable[FieldError]) -> None:
    """Raises INVALID with every finding; the first one gives the code."""
    listed = tuple(found)
    if listed:
        raise Failure(Kind.INVALID, "; ".join(error.message for error in listed), listed[0].code, listed)


def _not_billed(shared: Shared) -> Iterable[LeftOut]:
    """What is claimed and not billed: covered by what was prepaid, or written down by a person."""
    for share in shared.shares:
        if share.disposition != "billed":
            yield LeftOut(
                item_id=share.item.item_id,
                kind=share.item.kind,
                quantity=f"{share.quantity.normalize():f}",
                amount=share.amount,
                reason=share.disposition,
                detail=share.reason or "paid for in advance",
            )


def _lines(matter: Matter, billed: tuple[Share, ...], rules: InvoicingRules) -> list[DraftLine]:
    """By role, price and week; where that makes too many, by role and price. Each price is multiplied out once."""
    grouped = _grouped(billed, by_week=True)
    if len(grouped) > rules.most_lines:
        grouped = _grouped(billed, by_week=False)
    pieces = [piece for shares in grouped.values() for piece in _within_claims(shares)]
    return [_line(matter, place, shares) for place, shares in enumerate(pieces, 1)]


def _within_claims(shares: list[Share]) -> list[list[Share]]:
    """A line that rounding makes dearer than its shares gives some of them lines of their own.

    What is claimed is what limits hold back (B23): an invoice never exceeds it.
    """
    alone: list[list[Share]] = []
    while len(shares) > 1 and _together(shares) > sum(share.amount.value for share in shares):
        *shares, last = shares
        alone.insert(0, [last])
    return [shares, *alone]


def _together(shares: list[Share]) -> Decimal:
    quantity = sum((share.quantity for share in shares), Decimal(0))
    return line_amount(quantity, shares[0].item.unit_price, shares[0].amount.currency).value


def _grouped(billed: tuple[Share, ...], *, by_week: bool) -> dict[str, list[Share]]:
    groups: dict[str, list[Share]] = defaultdict(list)
    for share in billed:
        whole = share.item.kind == "time" and share.amount == _worth(share)
        line = share.item.line if by_week or share.item.kind != "time" else share.item.line.rpartition("|")[0]
        groups[line if whole else f"{share.item.line}|{share.item.item_id}"].append(share)
    return groups


def _worth(share: Share) -> Money:
    return line_amount(share.quantity, share.item.unit_price, share.amount.currency)


def _line(matter: Matter, place: int, shares: list[Share]) -> DraftLine:
    """A single share that is no quantity at a price (a write-down, a part of an amount) is one piece at its amount."""
    first, currency = shares[0].item, matter.agreement.contract.currency
    quantity = sum((share.quantity for share in shares), Decimal(0))
    unit_price = first.unit_price
    if len(shares) == 1 and _worth(shares[0]) != shares[0].amount:
        quantity, unit_price = Decimal(1), shares[0].amount.value
    return DraftLine(
        key=f"L{place:03}",
        description=_described(shares),
        quantity=f"{quantity.normalize():f}",
        unit_price=f"{unit_price.normalize():f}",
        amount=line_amount(quantity, unit_price, currency),
        account_role=first.account_role,
        tax_code=_tax_code(matter),
        tax_percent=f"{Decimal(_tax_percent(matter)).normalize():f}",
        tax=Money.of(0, currency),
        supply_from=min(share.item.supply_from for share in shares),
        supply_to=max(share.item.supply_to for share in shares),
        project_number=matter.work.project.number,
        sources=tuple(_source(share) for share in shares),
    )


def _described(shares: list[Share]) -> str:
    """One source says what it is; several are named by what they share and the days they span."""
    if len(shares) == 1:
        return shares[0].item.description[:500]
    role = shares[0].item.line.split("|")[0]
    first, last = min(share.item.work_date for share in shares), max(share.item.work_date for share in shares)
    return f"{role}, {_days(first, last)}"


def _days(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"


def _source(share: Share) -> LineSource:
    item = share.item
    return msgspec.convert(
        {
            "item_id": item.item_id,
            "kind": item.kind,
            "version": item.version,
            "work_date": item.work_date,
            "quantity": f"{share.quantity.normalize():f}",
            "amount": share.amount,
            "description": item.description,
            "approved_by": item.approved_by,
            "approved_at": item.approved_at,
        },
        LineSource,
    )


def _taxed(lines: list[DraftLine], tax: Money, percent: Decimal, rules: InvoicingRules) -> tuple[DraftLine, ...]:
    """Each line's own tax, or its part of the document's: what rounding leaves over stands on the largest (B33)."""
    if rules.tax_rounding == "line":
        own = [tax_of([line.amount], percent, tax.currency, "line") for line in lines]
        return tuple(msgspec.structs.replace(line, tax=part) for line, part in zip(lines, own, strict=True))
    if not lines or sum(line.amount.value for line in lines) == 0:
        return tuple(lines)
    parts = allocate(tax, {line.key: line.amount.value for line in lines})
    return tuple(msgspec.structs.replace(line, tax=parts[line.key]) for line in lines)


def _tax_code(matter: Matter) -> str:
    return "" if matter.books.tax_code is None else matter.books.tax_code.code


def _tax_percent(matter: Matter) -> str:
    return "0" if matter.books.tax_code is None else matter.books.tax_code.rate_percent or "0"


def _finding(code: str, pointer: str, message: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, message=message)
