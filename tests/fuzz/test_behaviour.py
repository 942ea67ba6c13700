"""The gate of behaviour: every API of the running system is driven from its contract file, in all phases."""

from __future__ import annotations

import pytest
from fuzzing import Depth, FuzzReport, fuzz, plans
from played_day import PlayedDay

WHOLE = Depth(examples=3)  # per operation and phase; the long form, `make fuzz`, has many more
OTHERS = Depth(examples=1, phases=("fuzzing",))
SEED = 20261123


@pytest.fixture(scope="module")
async def report(whole_day: PlayedDay) -> FuzzReport:
    """Every API of one system, as the caller who may everything, and as the first who may nothing there."""
    refused = {plan.file: plan for plan in reversed(list(plans(None, OTHERS))) if not plan.caller.scopes}
    return await fuzz(whole_day.system, [*plans(WHOLE, None), *refused.values()], SEED)


async def test_every_api_keeps_its_promises_whatever_it_is_asked(report: FuzzReport) -> None:
    """No server error, nothing undocumented, every error a problem with a trace id, nothing given away."""
    broken = [run for run in report.runs if not run.sound]
    assert [] == [(run.api, run.caller) for run in broken], "\n\n".join(run.told for run in broken)
    assert 11 == len({run.api for run in report.runs})
    assert all(run.cases >= run.operations > 0 for run in report.runs)
    allowed = [run for run in report.runs if run.scopes]
    assert [] == [run.api for run in allowed if not any(status < 300 for status in run.statuses)]


async def test_who_may_nothing_is_refused_everything(report: FuzzReport) -> None:
    """A client of the layer without a scope of the API gets nothing done and nothing shown."""
    refused = [run for run in report.runs if run.scopes == 0]
    assert [] == [(run.api, run.caller) for run in refused if any(status < 400 for status in run.statuses)]
    assert refused
