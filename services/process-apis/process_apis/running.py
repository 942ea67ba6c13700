"""How a run does its steps: once each, retried while a platform is away, parked for people, undone on discard."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import structlog

from canonical.money import Money
from canonical.work import Finding, OnboardingEdits
from process_apis.engine.runtime import Engine
from process_apis.operations.announcing import Announcer
from process_apis.operations.approvals import Approvals, Wanted
from process_apis.operations.cases import Cases, Problem
from process_apis.operations.decisions import Decided, Decisions
from process_apis.operations.runs import Launch, RunChange, Runs
from process_apis.operations.waking import due_row
from process_apis.stepping import Step, Steps
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.telemetry import Telemetry

T = TypeVar("T")

AUTO_RETRY_AFTER = timedelta(seconds=60)


class Discarded(Exception):  # noqa: N818  a person's decision, not an error
    """A person has discarded the run: what was done is undone, last first."""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What every run of a process works with."""

    process: str
    database: Database
    engine: Engine
    runs: Runs[Any]
    cases: Cases
    decisions: Decisions
    approvals: Approvals
    announcer: Announcer
    telemetry: Telemetry
    clock: Clock
    auto_retry_after: timedelta = AUTO_RETRY_AFTER


class About(msgspec.Struct, kw_only=True):
    """What is known of the matter that a run is about; exceptions carry it."""

    legal_entity_code: str | None = None
    value: Money | None = None
    refs: dict[str, str] = {}


class Run:
    """One run of a process, inside its workflow."""

    def __init__(self, launch: Launch, tools: Tools) -> None:
        self.launch = launch
        self.tools = tools
        self.about = About()
        self.edits = OnboardingEdits()
        self._undos: list[tuple[Step[Any], tuple[Any, ...]]] = []
        self._seen = 0  # the last decision that was read
        self._steps = Steps(launch, tools.engine, tools.runs, tools.telemetry, tools.clock)

    async def attempt(
        self,
        step: Step[T],
        *arguments: Any,
        name: str = "",
        system: str | None = None,
        undo: tuple[Step[Any], tuple[Any, ...]] | None = None,
    ) -> T:
        """Do the step; while it is refused, wait for a person (or, for a platform that is away, for the platform).

        *undo* is remembered once the step is done: its function gets the step's result and the further arguments.
        Raises Discarded when a person gives the run up.
        """
        name = name or step.__name__
        refused = False
        while True:
            try:
                result = await self._steps.do(name, system, step, *arguments)
            except Exception as error:  # noqa: BLE001  whatever broke, a person sees it
                await self._park(name, _failure_of(name, error))
                refused = True
                continue
            if refused:
                await self._steps.record(f"{name}:resolve", self._resolve, name)
            if undo is not None:
                self._undos.append((undo[0], (result, *undo[1])))
            return result

    async def write(
        self, step: Step[T], *arguments: Any, system: str, name: str = "", undo: Step[Any] | None = None
    ) -> T:
        """A step that writes to a platform: its last argument is the key under which the write happens once.

        *undo* gets the step's result and the same key.
        """
        name = name or step.__name__
        key = f"{self.launch.run_id}:{name}"
        taking_back = None if undo is None else (undo, (key,))
        return await self.attempt(step, *arguments, key, name=name, system=system, undo=taking_back)

    async def note(self, name: str, function: Step[T], *arguments: Any) -> T:
        """Our own record-keeping, as a step that waits for our database as long as it takes.

        One that breaks in another way is a bug of ours: it waits for a person as every step does, and is done then.
        """
        broken = False
        while True:
            try:
                result = await self._steps.record(name, function, *arguments)
            except Exception as error:  # noqa: BLE001  as above
                await self._park(name, _failure_of(name, error))
                broken = True
                continue
            if broken:
                await self._steps.record(f"{name}:resolve", self._resolve, name)
            return result

    def forget_undos(self) -> None:
        """From here on a discard undoes nothing: what was done is corrected by new documents."""
        self._undos.clear()

    async def undo_all(self) -> None:
        """What was done is undone in reverse order, each by a step that says "if present"."""
        for function, arguments in reversed(self._undos):
            await self.attempt(function, *arguments, name=f"undo:{function.__name__}")

    async def approved(self, wanted: tuple[Wanted, ...]) -> tuple[str, ...]:
        """Wait until everyone who is asked has agreed; returns who did.

        A refusal parks the run as `approval_rejected`, silence as `approval_expired`; a retry asks again.
        """
        asked_again = 0
        while (names := await self.asked(wanted, asked_again)).status != "approved":
            asked_again += 1
        return names.by

    async def asked(
        self, wanted: tuple[Wanted, ...], times: int, changed: Callable[[], Coroutine[Any, Any, bool]] | None = None
    ) -> "Agreement":
        """Ask, and wait: `approved`; `again` once a person wants a refusal or silence to be asked anew.

        *changed* is looked at whenever the run is woken: `changed` once it says that the question is another one now.
        """
        subjects = tuple(f"{one.subject}:{times}" for one in wanted)
        await self.note(f"approval:ask:{times}", self._ask, wanted, subjects)
        while (names := await self.note("approval:read", self._agreed, subjects)).status == "pending":
            if changed is not None and await self.note("approval:changed", changed):
                await self.note(f"approval:take_back:{times}", self._take_back)
                return Agreement(status="changed", by=())
            await self.tools.engine.sleep_until_woken()
        if names.status == "approved":
            late = changed is not None and await self.note("approval:changed", changed)
            return Agreement(status="changed", by=()) if late else names
        detail = "an approver refused" if names.status == "rejected" else "nobody decided in time"
        await self._park("approval", Failure(Kind.INVALID, detail, code=f"approval_{names.status}"))
        await self._steps.record("approval:resolve", self._resolve, "approval")
        return Agreement(status="again", by=())

    async def _park(self, name: str, failure: Failure) -> None:
        """Raise the exception and wait, durably, for a decision."""
        await self._steps.record(f"{name}:raise", self._raise, name, failure)
        while True:
            await self.tools.engine.sleep_until_woken()
            decided = await self.note(f"{name}:decision", self._next_decision, self._seen)
            if decided is not None:
                break
        self._seen = decided.n
        if decided.decision == "discard":
            raise Discarded(decided.reason)
        if decided.edits is not None:
            self.edits = _merged(self.edits, decided.edits)
        await self._steps.record(f"{name}:resume", self.change, RunChange(state="running"))

    async def _raise(self, name: str, failure: Failure) -> None:
        async with self.tools.database.begin() as session:
            await self.tools.cases.raise_case(session, self.problem(name, failure, blocking=True))
            await self.tools.runs.change(session, self.launch.run_id, RunChange(state="in_exception"))
            if failure.kind.retryable:
                at = self.tools.clock.now() + self.tools.auto_retry_after
                await due_row(session, self.tools.process, self.launch.run_id, "auto_retry", name, at)

    def problem(self, name: str, failure: Failure, *, blocking: bool) -> Problem:
        """The exception that a failure becomes."""
        return Problem(
            run_id=self.launch.run_id,
            process=self.tools.process,
            step=name,
            failure_class=_class_of(failure),
            code=failure.code,
            detail=failure.detail,
            findings=tuple(
                Finding(code=error.code, field=error.pointer, message=error.message, fix="") for error in failure.errors
            ),
            blocking=blocking,
            legal_entity_code=self.about.legal_entity_code,
            value=self.about.value,
            refs={"onboarding_id": self.launch.id, "opportunity_id": self.launch.business_key, **self.about.refs},
        )

    async def _resolve(self, name: str) -> None:
        async with self.tools.database.begin() as session:
            await self.tools.cases.resolve(session, self.launch.run_id, name, "retried")

    async def change(self, change: RunChange) -> None:
        """Write down what became of the run."""
        async with self.tools.database.begin() as session:
            await self.tools.runs.change(session, self.launch.run_id, change)

    async def _next_decision(self, after: int) -> Decided | None:
        return await self.tools.decisions.next_of(self.launch.run_id, after)

    async def _ask(self, wanted: tuple[Wanted, ...], subjects: tuple[str, ...]) -> None:
        async with self.tools.database.begin() as session:
            for one, subject in zip(wanted, subjects, strict=True):
                await self.tools.approvals.request(session, msgspec.structs.replace(one, subject=subject))
            await self.tools.runs.change(session, self.launch.run_id, RunChange(state="waiting_for_approval"))

    async def _take_back(self) -> None:
        async with self.tools.database.begin() as session:
            await self.tools.approvals.take_back(session, self.launch.run_id)

    async def _agreed(self, subjects: tuple[str, ...]) -> "Agreement":
        found = [one for one in await self.tools.approvals.of_run(self.launch.run_id) if one.subject in subjects]
        statuses = {one.status for one in found}
        refused = next((status for status in ("rejected", "expired") if status in statuses), None)
        status = refused or ("approved" if statuses <= {"approved"} else "pending")
        return Agreement(status=status, by=tuple(sorted({one.decided_by for one in found if one.decided_by})))


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Where several approvals stand together, and who decided."""

    status: str
    by: tuple[str, ...]


def _class_of(failure: Failure) -> str:
    if failure.kind is Kind.IN_DOUBT:
        return "in_doubt"
    technical = failure.kind.retryable or failure.kind is Kind.MISCONFIGURED
    return "technical" if technical else "business"


def _failure_of(name: str, error: Exception) -> Failure:
    """A step that broke in a way nobody foresaw also waits for a person: mended code can go on from there."""
    if isinstance(error, Failure):
        return error
    structlog.get_logger(__name__).error("step_broke", step=name, exc_info=error)
    return Failure(Kind.MISCONFIGURED, f"the step broke: {type(error).__name__}", code="step_broke")


def _merged(former: OnboardingEdits, newer: OnboardingEdits) -> OnboardingEdits:
    said = {name: value for name, value in msgspec.structs.asdict(newer).items() if value is not None}
    return msgspec.structs.replace(former, **said)
