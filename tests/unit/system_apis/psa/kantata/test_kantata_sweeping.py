"""How a sweep finds its way through records that are made, and stop fitting, while it reads."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system_apis.psa.kantata.client.sweeping import Place, Row, cursor_of, place_of

START = datetime(2026, 12, 1, 9, tzinfo=UTC)


def page(records: list[Row], place: Place, limit: int) -> tuple[list[Row], int]:
    """What Kantata answers: made after the moment, in order, so many after the offset; and how many there are."""
    after = place.window().get("created_after")
    fitting = [row for row in records if after is None or row[1] > datetime.fromisoformat(after)]
    return fitting[place.read : place.read + place.size(limit)], len(fitting)


def swept(records: list[Row], limit: int, *, vanishing: bool = False) -> list[str]:
    """Everything a sweep finds. With `vanishing` whatever was read stops fitting at once."""
    found: list[str] = []
    place: Place | None = Place()
    left = list(records)
    while place is not None:
        rows, count = page(left, place, limit)
        ids, place = place.taken(rows, limit, count)
        assert len(ids) <= limit
        found += ids
        place = None if place is None else place_of(cursor_of(place))
        if vanishing:
            left = [row for row in left if row[0] not in ids]
    return found


@given(st.lists(st.integers(0, 6), max_size=60), st.integers(1, 25))
def test_a_sweep_finds_each_record_once(seconds: list[int], limit: int) -> None:
    """However many were made in one second, whatever the size of a page."""
    records = [(str(n), START + timedelta(seconds=second)) for n, second in enumerate(sorted(seconds))]
    assert [row_id for row_id, _ in records] == swept(records, limit)


@given(st.lists(st.integers(0, 30), max_size=60, unique=False), st.integers(1, 10))
def test_what_stops_fitting_hides_nothing(seconds: list[int], limit: int) -> None:
    """As long as no more than twenty are made in one second, no record is lost when others leave the list."""
    few = [second for second in sorted(set(seconds)) for _ in range(min(seconds.count(second), 15))]
    records = [(str(n), START + timedelta(seconds=second)) for n, second in enumerate(few)]
    assert [row_id for row_id, _ in records] == swept(records, limit, vanishing=True)


@pytest.mark.parametrize("many", [21, 200, 500])
def test_a_mass_import_is_read_to_its_end(many: int) -> None:
    """More records of one second than a cursor names are counted instead."""
    records = [(str(n), START) for n in range(many)]
    assert [row_id for row_id, _ in records] == swept(records, 50)


def test_nothing_ends_at_once() -> None:
    """An empty list has no second page."""
    assert ([], None) == Place().taken([], 50, 0)
