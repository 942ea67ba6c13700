"""What became of each case of tests/faults, for `.syncline/reports/faults.json`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One case: what it was struck by, and how many records it lacked or had too many of at its end."""

    name: str
    struck: tuple[str, ...]
    lost: int
    doubled: int
    ended: bool  # False: it broke off before its end could be compared
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether it did not end as the undisturbed day."""
        return not self.ended or bool(self.lost or self.doubled)


class FaultsReport(msgspec.Struct, frozen=True, kw_only=True):
    """All cases. `lost` and `doubled` count records, `diverged` counts cases."""

    cases: int
    lost: int
    doubled: int
    diverged: int
    rows: tuple[Row, ...]


class Case:
    """One case while it runs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._struck: list[str] = []
        self._ended: tuple[int, int] | None = None
        self._began = time.monotonic()

    def struck(self, by: str) -> None:
        """Something was done to the system."""
        self._struck.append(by)

    def ended(self, lost: Sequence[str], doubled: Sequence[str]) -> None:
        """The end was compared with the undisturbed one."""
        self._ended = (len(lost), len(doubled))

    def row(self) -> Row:
        lost, doubled = self._ended or (0, 0)
        return Row(
            name=self._name,
            struck=tuple(self._struck),
            lost=lost,
            doubled=doubled,
            ended=self._ended is not None,
            seconds=round(time.monotonic() - self._began, 1),
        )


def report(rows: Iterable[Row]) -> FaultsReport:
    """The rows and their sums."""
    held = tuple(rows)
    return FaultsReport(
        cases=len(held),
        lost=sum(row.lost for row in held),
        doubled=sum(row.doubled for row in held),
        diverged=sum(row.diverged for row in held),
        rows=held,
    )
