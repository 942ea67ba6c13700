"""Rate cards: a version of a card holds from the day its set's version takes effect until the next one does."""

from collections.abc import Mapping, Sequence

import msgspec

from canonical.effective import DateRange
from canonical.entries import RateCard, RoleRate
from system_apis.psa.kantata.mapping.entries import to_rate
from system_apis.psa.kantata.records import (
    RateCardRecord,
    RateCardRoleRecord,
    RateCardSetVersionRecord,
    RateCardVersionRecord,
)


class CardVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a card with the day's record of its set and the rates that are on it."""

    record: RateCardVersionRecord
    published: RateCardSetVersionRecord
    rates: Sequence[RateCardRoleRecord]


def to_rate_cards(
    card: RateCardRecord, scope: str, unit: int, versions: Sequence[CardVersion], roles: Mapping[str, str]
) -> tuple[RateCard, ...]:
    """One for each published version, the earliest first. `roles` are all of the account, by id.

    Of two versions for one day the later made holds: the other is left out.
    """
    published = [version for version in versions if version.published.active]
    dated = sorted(published, key=lambda one: (one.published.effective_date, one.record.created_at))
    ends = [one.published.effective_date for one in dated[1:]]
    return tuple(
        RateCard(
            name=card.rate_card_set_title,
            scope=scope,
            currency=card.currency,
            effective=DateRange(from_date=version.published.effective_date, to_date=end),
            recorded_at=version.record.created_at,
            rates=_rates(version, card.currency, unit, roles),
        )
        for version, end in zip(dated, [*ends, None], strict=True)
        if version.published.effective_date != end
    )


def _rates(version: CardVersion, currency: str, unit: int, roles: Mapping[str, str]) -> tuple[RoleRate, ...]:
    """By role; the default fills in for the roles that are not named. Nothing is no rate."""
    named = {str(row.role_id): row.rate for row in version.rates}
    found = ((name, named.get(role_id, version.record.default_rate)) for role_id, name in roles.items())
    rated = ((name, to_rate(cents, currency, unit)) for name, cents in sorted(found, key=lambda pair: pair[0]))
    return tuple(RoleRate(role=name, rate=rate) for name, rate in rated if rate is not None)
