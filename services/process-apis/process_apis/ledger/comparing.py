"""A rehearsal against what was posted after it: which fields differ, and which accounts. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from canonical.money import Money
from canonical.rehearsals import RehearsalDifference, RehearsedMove


def converted(moved: Mapping[str, Decimal], base_currency: str, rate: Decimal) -> dict[str, Money]:
    """Amounts by account role in the entity's own currency; what converting leaves over stands on the largest."""
    amounts = {role: Money.of(amount * rate, base_currency) for role, amount in moved.items()}
    left_over = sum((amount.value for amount in amounts.values()), Decimal(0))
    if amounts:
        largest = max(amounts, key=lambda role: abs(amounts[role].value))
        amounts[largest] = amounts[largest] - Money.of(left_over, base_currency)
    return amounts


def moves(rehearsed: Mapping[str, Money], posted: Mapping[str, Money]) -> tuple[RehearsedMove, ...]:
    """Both sides by account role; what is nothing on both is left out."""
    before, after = ({role: one for role, one in side.items() if one.value} for side in (rehearsed, posted))
    return tuple(
        RehearsedMove(account_role=role, rehearsed=before.get(role), posted=after.get(role))
        for role in sorted({*before, *after})
    )


def differing(subject: str, fields: Iterable[str], rehearsed: object, posted: object) -> Iterator[RehearsalDifference]:
    """Those of the *fields* that are not the same; one side may be None as a whole."""
    for field in fields:
        before, after = (None if side is None else _text(getattr(side, field)) for side in (rehearsed, posted))
        if before != after:
            yield RehearsalDifference(subject=subject, field=field, rehearsed=before, posted=after)


def outcome_of(
    differences: tuple[RehearsalDifference, ...],
    moved: tuple[RehearsedMove, ...],
    *,
    rehearsed: bool,
    posted: bool,
) -> str:
    """*rehearsed*: it came to its end; *posted*: so did what followed."""
    if not rehearsed:
        return "refused"
    if not posted:
        return "not_posted"
    return "differs" if differences or any(one.rehearsed != one.posted for one in moved) else "same"


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, Money):
        return f"{value.amount} {value.currency}"
    return value.isoformat() if isinstance(value, date) else str(value)
