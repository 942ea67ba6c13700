"""The experience API's own schema, a database that is away, and process APIs that say what they are told."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import invoicing_facts as facts
import msgspec
import pytest

from canonical.money import Money
from canonical.recognition import TieOut
from canonical.releases import ApprovedValue, Lineage, Release, ReleaseStatistics
from canonical.work import (
    CycleTime,
    ExceptionCase,
    ExceptionStatistics,
    Onboarding,
    OnboardingRefs,
    OnboardingStatistics,
    OnboardingSystems,
    OwnerCount,
    StateCount,
    SystemSection,
)
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.migrate import migrate

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HEX = "01933b5e8f7a7c3e9d2b4f6a8c0e1d2f"


class FakeProcesses:
    """What `experience_api.processes.Processes` offers, from memory; what is in `down` fails."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.runs: dict[str, Onboarding] = {}
        self.cases: tuple[ExceptionCase, ...] = ()
        self.releases: dict[str, Release] = {}
        self.asked: list[str] = []

    async def onboarding_statistics(self) -> OnboardingStatistics:
        self._ask("onboarding_statistics")
        cycle = CycleTime(
            activated=3,
            p50_s=120.0,
            p90_s=240.0,
            waiting_p50_s=0.0,
            waiting_p90_s=60.0,
            first_time_right=2,
            oldest_open_s=None,
        )
        states = (StateCount(state="activated", count=3, value=(Money.of(87000, "EUR"), Money.of(5, "USD"))),)
        return OnboardingStatistics(states=states, period_from=NOW, period_to=NOW, cycle_time=cycle, as_of=NOW)

    async def exception_statistics(self) -> ExceptionStatistics:
        self._ask("exception_statistics")
        owner = OwnerCount(owner_team="tax", count=1, overdue=0, oldest_s=9.0, value_at_stake=(Money.of(1, "EUR"),))
        return ExceptionStatistics(owners=(owner,), as_of=NOW)

    async def onboarding_of(self, project_id: str) -> Onboarding | None:
        self._ask("onboarding_of")
        return self.runs.get(project_id)

    async def systems_of(self, onboarding_id: str) -> OnboardingSystems:
        self._ask("systems_of")
        section = SystemSection(system="psa", status="fresh", record_id="prj_1", state="open_for_time")
        return OnboardingSystems(onboarding_id=onboarding_id, sections=(section,))

    async def exceptions_of(self, run_id: str) -> tuple[ExceptionCase, ...]:
        self._ask("exceptions_of")
        return self.cases

    async def open_exceptions(self, process: str) -> tuple[ExceptionCase, ...]:
        self._ask("open_exceptions")
        return tuple(case for case in self.cases if case.process == process)

    async def release_statistics(self, legal_entity_code: str | None) -> ReleaseStatistics:
        self._ask("release_statistics", legal_entity_code)
        return facts.statistics()

    async def release(self, release_id: str) -> Release | None:
        self._ask("release")
        return self.releases.get(release_id)

    async def lineage(self, release_id: str) -> Lineage:
        self._ask("lineage", release_id)
        return facts.lineage()

    async def releases_of(self, contract_id: str) -> tuple[Release, ...]:
        self._ask("releases_of")
        return tuple(one for one in self.releases.values() if one.contract_id == contract_id)

    async def waiting_releases(self, legal_entity_code: str | None) -> tuple[Release, ...]:
        self._ask("waiting_releases", legal_entity_code)
        return (facts.release(state="waiting_for_approval"),)

    async def approved_values(self, legal_entity_code: str) -> tuple[ApprovedValue, ...]:
        self._ask("approved_values", legal_entity_code)
        return (facts.approved_value(),)

    async def tie_out(self, legal_entity_code: str, period_end: date) -> TieOut | None:
        self._ask("tie_out", legal_entity_code, period_end)
        return facts.tie_out() if legal_entity_code == "DE01" else None

    def _ask(self, what: str, *of: object) -> None:
        self.asked.append(" ".join([what, *map(str, of)]))
        if what in self.down:
            raise Failure(Kind.UNAVAILABLE, f"{what} is away")


@pytest.fixture
def still_clock() -> SettableClock:
    """Nine o'clock on a Monday, UTC."""
    return SettableClock(NOW)


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses()


@pytest.fixture
async def views(database_url: str) -> AsyncIterator[Database]:
    """A fresh database with the experience API's tables."""
    migrate(database_url, "experience", "experience_api:migrations")
    database = Database(database_url, "experience")
    yield database
    await database.close()


@pytest.fixture
async def no_database() -> AsyncIterator[Database]:
    """A database at whose address nobody is."""
    database = Database("postgresql+psycopg://nobody@/none?host=/nowhere", "experience")
    yield database
    await database.close()


@pytest.fixture
def onboarding() -> Onboarding:
    """A run that has set up the project `prj_<HEX>`."""
    run: dict[str, Any] = {
        "id": f"onb_{HEX}",
        "run_id": f"project-onboarding:opp_{HEX}:1",
        "opportunity_id": f"opp_{HEX}",
        "name": "Plant analytics",
        "state": "activated",
        "kind": "new",
        "mode": "automatic",
        "legal_entity_code": "DE01",
        "value": Money.of(87000, "EUR"),
        "refs": OnboardingRefs(project_id=f"prj_{HEX}", contract_id=f"ctr_{HEX}"),
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    moments = dict.fromkeys(("won_at", "started_at", "activated_at", "ended_at", "updated_at"), NOW)
    return msgspec.convert(run | moments | {"waiting_s": 0.0}, Onboarding)
