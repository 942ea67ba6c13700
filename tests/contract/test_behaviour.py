"""The gate of behaviour: every API of the running system is driven from its contract file, in all phases."""

from __future__ import annotations

import pytest
from fuzzing import ApiResult, fuzz
from played_day import PlayedDay

EXAMPLES = 3  # per operation and phase; the long form, `make fuzz`, has many more
SEED = 20261123


@pytest.fixture(scope="module")
async def results(whole_day: PlayedDay) -> tuple[ApiResult, ...]:
    """Every API of one system."""
    return await fuzz(whole_day.system, EXAMPLES, SEED)


async def test_every_api_keeps_its_contract_whatever_it_is_asked(results: tuple[ApiResult, ...]) -> None:
    """No server error, no undocumented status or media type, no answer that its schema does not allow."""
    broken = [one for one in results if not one.sound]
    assert [] == [one.name for one in broken], "\n\n".join(one.told for one in broken)
    assert 11 == len(results)
    assert all(one.cases >= one.operations > 0 for one in results)
