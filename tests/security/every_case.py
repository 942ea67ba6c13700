"""All hostile cases, group by group, and the table of them that docs/security.md shows."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import actor_cases
import body_cases
import hook_cases
import injection_cases
import layer_cases
import party_cases
import token_cases
import value_cases
import wire_cases
from hostile_case import CLOSED, NOTHING_KEPT, Case

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- hostile cases: begin -->", "<!-- hostile cases: end -->"

CASES: tuple[Case, ...] = (
    *token_cases.CASES,
    *layer_cases.CASES,
    *actor_cases.CASES,
    *party_cases.CASES,
    *body_cases.CASES,
    *value_cases.CASES,
    *injection_cases.CASES,
    *hook_cases.CASES,
    *wire_cases.CASES,
)


def section() -> str:
    """What stands between the markers: how many there are, and a table per group.

    Cases that differ by the door alone share a row.
    """
    groups = [(name, tuple(cases)) for name, cases in groupby(CASES, lambda case: case.group)]
    lines = [f"{len(CASES)} cases in {len(groups)} groups. Unless a row says more, {NOTHING_KEPT.what}."]
    for group, cases in groups:
        lines += ["", f"### {group[0].upper()}{group[1:]}: {len(cases)} cases"]
        lines += ["| case | sent | answer | besides |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {', '.join(f'`{case.name}`' for case in alike)} | {' | '.join(told)} |"
            for told, alike in groupby(cases, lambda case: (_cell(case.sent), _answer(case), _besides(case)))
        ]
    return "\n".join(lines)


def with_section(text: str) -> str:
    """The document with the section as it should be. Raises ValueError where a marker is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} has lost a marker")
    return f"{before}{BEGIN}\n{section()}\n{END}{after}"


def _answer(case: Case) -> str:
    if case.status == CLOSED:
        return "the connection is closed"
    return f"{case.status} `{case.code}`" if case.code else str(case.status)


def _besides(case: Case) -> str:
    place = [f"names `{case.pointer}`"] if case.pointer else []
    kept = [] if case.unchanged is NOTHING_KEPT else [case.unchanged.what]
    return "; ".join(place + kept)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
