"""Cursors are opaque, signed, bound to their listing and to a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.clock import SettableClock
from servicekit.cursors import CursorSigner
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret

FILTERS = {"status": "open", "project_id": "prj_1"}


def signer(clock: SettableClock, secret: str = "one") -> CursorSigner:
    return CursorSigner(Secret(secret), clock=clock, lifetime=timedelta(hours=1))


def test_a_position_comes_back_as_it_went_in(clock: SettableClock) -> None:
    """What was signed is read again, whatever the order in which the filters are given."""
    cursor = signer(clock).sign(("2026-11-23", 17), FILTERS)
    position = signer(clock).read(cursor, tuple[str, int], dict(reversed(FILTERS.items())))
    assert ("2026-11-23", 17) == position


def test_every_change_of_a_character_is_noticed(clock: SettableClock) -> None:
    """No character of a cursor can be changed without it being refused as invalid."""
    cursor = signer(clock).sign("p", FILTERS)
    for index, character in enumerate(cursor):
        changed = cursor[:index] + ("A" if character != "A" else "B") + cursor[index + 1 :]
        if changed == cursor:
            continue
        with pytest.raises(Failure) as caught:
            signer(clock).read(changed, str, FILTERS)
        assert (Kind.MALFORMED, "invalid_cursor") == (caught.value.kind, caught.value.code)


@given(st.text(max_size=200))
def test_no_text_of_a_caller_breaks_the_reading(text: str) -> None:
    """Anything that is not ours is invalid_cursor, never another error."""
    clock = SettableClock(datetime(2026, 11, 23, tzinfo=UTC))
    with pytest.raises(Failure) as caught:
        signer(clock).read(text, str, FILTERS)
    assert "invalid_cursor" == caught.value.code


@pytest.mark.parametrize(
    ("secret", "wanted", "filters"),
    [("two", str, FILTERS), ("one", str, {"status": "closed"}), ("one", str, None), ("one", int, FILTERS)],
)
def test_a_cursor_of_another_listing_is_refused(
    clock: SettableClock, secret: str, wanted: type, filters: object
) -> None:
    """Another service's key, other filters and another kind of position do not fit."""
    cursor = signer(clock).sign("p", FILTERS)
    with pytest.raises(Failure) as caught:
        signer(clock, secret).read(cursor, wanted, filters)
    assert (Kind.MALFORMED, "invalid_cursor", "query:cursor") == (
        caught.value.kind,
        caught.value.code,
        caught.value.errors[0].pointer,
    )


def test_a_cursor_ends_with_its_time(clock: SettableClock) -> None:
    """One second before its end it is good, at its end it is GONE."""
    cursor = signer(clock).sign("p")
    clock.advance(timedelta(minutes=59, seconds=59))
    assert "p" == signer(clock).read(cursor, str)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(Failure) as caught:
        signer(clock).read(cursor, str)
    assert (Kind.GONE, "cursor_expired") == (caught.value.kind, caught.value.code)
