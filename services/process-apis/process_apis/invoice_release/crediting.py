"""What a credit takes back: whole lines or parts of them, with their tax, and of which items. Pure."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

import msgspec

from canonical.invoicing import NewCreditLine, NewCreditNote, TaxLine
from canonical.money import Money, total
from canonical.releases import Draft, DraftLine, NewCredit
from servicekit.failures import Failure, FieldError, Kind


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """How much of an item a credit lets go."""

    item_id: str
    amount: Money
    whole: bool


def credit_draft(original: Draft, asked: NewCredit, reference: str, day: date, credited: dict[str, Decimal]) -> Draft:
    """The credit as a draft: the original's lines, rates and treatment, with what is taken back of each.

    *credited* is what earlier credits took of each line. Raises INVALID `unknown_line`, `more_than_was_billed` and
    `nothing_to_credit`.
    """
    wanted = _wanted(original, asked, credited)
    lines = tuple(
        _part(line, wanted[line.key], credited.get(line.key, Decimal(0)))
        for line in original.lines
        if line.key in wanted
    )
    net = total([line.amount for line in lines], original.currency)
    tax = total([line.tax for line in lines], original.currency)
    code = original.tax[0]
    return msgspec.structs.replace(
        original,
        reference=reference,
        lines=lines,
        tax=(TaxLine(tax_code=code.tax_code, percent=code.percent, base=net, tax=tax),),
        net=net,
        gross=net + tax,
        net_in_entity_currency=_in_entity_currency(original, net),
        document_date=day,
        posting_date=day,
        due_date=day,
        left_out=(),
    )


def credit_note(draft: Draft, reason: str) -> NewCreditNote:
    return NewCreditNote(
        reference=draft.reference,
        reason=reason[:200],
        document_date=draft.document_date,
        lines=tuple(NewCreditLine(line_key=line.key, amount=line.amount, tax=line.tax) for line in draft.lines),
        net=draft.net,
        gross=draft.gross,
    )


def taken_back(original: Draft, draft: Draft, earlier: Sequence[Draft] = ()) -> Iterable[TakenBack]:
    """The items behind the credited lines. A part of a line is shared out over its sources by what is left of them.

    *earlier* are the credits that came before, oldest first; `whole` is the one after which nothing is left of a line.
    """
    lines = {line.key: line for line in original.lines}
    credited = dict.fromkeys(lines, Decimal(0))
    left = {line.key: {source.item_id: source.amount for source in line.sources} for line in original.lines}
    for made in (*earlier, draft):
        for line in made.lines:
            credited[line.key] += line.amount.value
            whole = credited[line.key] >= lines[line.key].amount.value
            parts = left[line.key] if whole else _shared_out(line.amount, left[line.key])
            left[line.key] = {item_id: left[line.key][item_id] - part for item_id, part in parts.items()}
            if made is draft:
                yield from (TakenBack(item_id=name, amount=part, whole=whole) for name, part in parts.items())


def _shared_out(amount: Money, left: dict[str, Money]) -> dict[str, Money]:
    """By what is left of each, in minor units, the largest remainders up: never more of one than is left of it."""
    units = {item_id: one.minor_units for item_id, one in left.items()}
    whole = sum(units.values())
    wanted = min(amount.minor_units, whole)
    if whole == 0:
        return left
    parts = {item_id: wanted * one // whole for item_id, one in units.items()}
    remainders = sorted(units, key=lambda item_id: -(wanted * units[item_id] % whole))
    for item_id in remainders[: wanted - sum(parts.values())]:
        parts[item_id] += 1
    return {item_id: Money.of_minor_units(part, amount.currency) for item_id, part in parts.items()}


def _wanted(original: Draft, asked: NewCredit, credited: dict[str, Decimal]) -> dict[str, Money]:
    """What is taken back of each line; everything that is left of all of them, where no line is named."""
    left = {line.key: line.amount - Money.of(credited.get(line.key, 0), original.currency) for line in original.lines}
    if not asked.lines:
        wanted = {key: amount for key, amount in left.items() if amount.value > 0}
        if not wanted:
            raise Failure(Kind.INVALID, "everything has been credited already", code="nothing_to_credit")
        return wanted
    found: list[FieldError] = []
    wanted = {}
    for place, line in enumerate(asked.lines):
        at = f"/lines/{place}"
        if line.line_key not in left:
            found.append(
                FieldError(pointer=f"{at}/line_key", code="unknown_line", message="the invoice has no such line")
            )
            continue
        amount = Money.of(line.amount.value, line.amount.currency)  # 100 is 100.00
        if line.line_key in wanted and amount.currency == original.currency:
            amount = wanted[line.line_key] + amount
        if (
            amount.currency != original.currency
            or not 0 < line.amount.value <= amount.value <= left[line.line_key].value
        ):
            message = f"at most {left[line.line_key].amount} {original.currency} of the line are left to credit"
            found.append(FieldError(pointer=f"{at}/amount", code="more_than_was_billed", message=message))
        else:
            wanted[line.line_key] = amount
    if found:
        raise Failure(Kind.INVALID, "; ".join(error.message for error in found), found[0].code, tuple(found))
    return wanted


def _part(line: DraftLine, amount: Money, before: Decimal) -> DraftLine:
    """The whole line as it was, or one piece at the amount, with its share of the line's tax.

    The tax is what is credited by now minus what was credited before: all parts take back the line's, to the cent.
    """
    if amount == line.amount:
        return line
    by_now, by_then = (line.tax.value * part / line.amount.value for part in (before + amount.value, before))
    tax = Money.of(by_now, amount.currency) - Money.of(by_then, amount.currency)
    return msgspec.structs.replace(
        line, quantity="1", unit_price=f"{amount.value.normalize():f}", amount=amount, tax=tax
    )


def _in_entity_currency(original: Draft, net: Money) -> Money:
    return Money.of(net.value * Decimal(original.rate or 1), original.net_in_entity_currency.currency)
