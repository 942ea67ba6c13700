"""Clocks: the machine's, and one that several processes move together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from servicekit.clock import RehearsalClock, SystemClock, clock_of

CLOSE = timedelta(seconds=5)


def test_a_rehearsal_is_as_far_ahead_as_its_file_says(tmp_path: Path) -> None:
    """Two processes that share the file live on the same day."""
    file = tmp_path / "clock"
    file.write_text(str(14 * 24 * 3600))
    ahead = [RehearsalClock(file).now() - datetime.now(UTC) for _ in range(2)]
    assert all(abs(one - timedelta(days=14)) < CLOSE for one in ahead)


def test_without_a_file_it_is_now(tmp_path: Path) -> None:
    """A rehearsal that has not begun is no rehearsal."""
    assert abs(RehearsalClock(tmp_path / "none").now() - datetime.now(UTC)) < CLOSE


def test_a_file_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    """Better no time than a wrong one."""
    file = tmp_path / "clock"
    file.write_text("tomorrow")
    with pytest.raises(ValueError, match="tomorrow"):
        RehearsalClock(file).now()


def test_a_service_that_is_told_of_no_file_lives_by_the_machine() -> None:
    """Rehearsal is asked for, never assumed."""
    assert isinstance(clock_of(None), SystemClock)
