"""Every hostile case against the whole running system: its one right answer, and nothing else that changed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from attacking import Attacker, attacker
from checking_answers import wrong
from every_case import CASES, DOCUMENT, with_section
from giving_away import secrets_of
from hostile_case import Case
from played_day import PlayedDay

IN_ORDER = sorted(CASES, key=lambda case: case.late)


@pytest.fixture(scope="module")
async def hostile(whole_day: PlayedDay) -> AsyncIterator[Attacker]:
    """One client for all cases."""
    async with attacker(whole_day.system) as one:
        yield one


@pytest.fixture(scope="module")
def secrets(whole_day: PlayedDay) -> tuple[str, ...]:
    """Everything that the running system keeps secret."""
    return secrets_of(whole_day.system.site)


@pytest.mark.parametrize("case", IN_ORDER, ids=lambda case: case.name)
async def test_a_hostile_request_gets_its_one_right_answer(
    hostile: Attacker, secrets: tuple[str, ...], case: Case
) -> None:
    """Status, code and form are exactly as told, nothing is given away, and what must not change has not changed."""
    before = await case.unchanged.look(hostile)
    answer = await case.send(hostile)
    assert [] == wrong(case, answer, secrets), answer
    assert before == await case.unchanged.look(hostile)


def test_every_case_has_a_name_of_its_own() -> None:
    """A name says which case it is, in the report of a run and to whoever runs it alone."""
    assert len(CASES) == len({case.name for case in CASES})


def test_the_document_tells_of_every_case() -> None:
    """The table in docs/security.md is what `tests/security/write.py` writes."""
    text = DOCUMENT.read_text("utf-8")
    assert with_section(text) == text
