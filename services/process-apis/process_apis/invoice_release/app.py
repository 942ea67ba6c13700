"""The invoice-release service: its API, its two workflows, the events that it listens to, and its batches."""

from collections.abc import Coroutine, Sequence
from typing import Any

from litestar.datastructures import State

from process_apis.deciding import Deciding
from process_apis.invoice_release.adjusting import Adjusting
from process_apis.invoice_release.agreeing import Agreeing
from process_apis.invoice_release.batch_routes import BatchRoutes
from process_apis.invoice_release.batches import Batches, BatchRunner
from process_apis.invoice_release.claims import Claims
from process_apis.invoice_release.correcting import InvoiceCredit
from process_apis.invoice_release.credit_steps import CreditSteps
from process_apis.invoice_release.drafts import Drafts
from process_apis.invoice_release.previewing import Previewing
from process_apis.invoice_release.reading import Readings
from process_apis.invoice_release.recording import Recording
from process_apis.invoice_release.rehearsing import Rehearsing
from process_apis.invoice_release.releases import Releases
from process_apis.invoice_release.routes import InvoicingRoutes, ReleaseRoutes
from process_apis.invoice_release.starting import PROCESS, Starter
from process_apis.invoice_release.viewing import Viewing
from process_apis.invoice_release.watching import Watching
from process_apis.invoice_release.workflow import InvoiceRelease, Parts
from process_apis.invoice_release.writing import Writings
from process_apis.ledger.postings import Postings
from process_apis.operations.runs import RunRecord, Runs
from process_apis.running import Run
from process_apis.service import Process, create_process_api
from process_apis.settings import ProcessSettings
from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock
from servicekit.consumer import Handler
from servicekit.contract import ApiInfo
from servicekit.database import Database
from servicekit.limits import RateLimiter

API = ApiInfo(
    id="7c1f5a2e-2f1d-4b0e-9f7a-1c9f5b6f4d02",
    title="Invoice release",
    version="1.0.0",
    description="Turns approved work into issued invoices and posted receivables, each once, or says what is missing.",
    owner="finance-process-team",
    layer="process",
    audience="external-partner",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "300ms", "completion_p95": "5min"},
    data_classification="confidential",
    contact="finance-process-team@syncline.example",
)


def declared() -> Process:
    """The process, before it is given settings."""
    return Process(
        name=PROCESS,
        api=API,
        routes=[ReleaseRoutes, BatchRoutes, InvoicingRoutes],
        runs=_runs,
        parts={
            "releases": lambda state: Releases(state["database"], state["tools"].clock),
            "postings": lambda state: Postings(state["database"], state["tools"].clock),
            "claims": lambda state: Claims(state["tools"].clock),
            "readings": lambda state: Readings(state["systems"], state["desk"].bindings, state["tools"].clock),
            "drafts": _drafts,
            "starter": _starter,
            "batches": lambda state: Batches(state["database"], state["desk"].audit, state["tools"].clock),
            "agreeing": lambda state: Agreeing(state["desk"].approvals, state["releases"], state["batches"]),
            "adjusting": _adjusting,
            "previewing": lambda state: Previewing(state["readings"], state["drafts"]),
            "viewing": _viewing,
            "rehearsing": lambda state: Rehearsing(state["database"]),
            "deciding": _deciding,
            "watching": _watching,
        },
        events={PROCESS: _handlers},
        roles=_roles,
    )


def create_app(
    settings: ProcessSettings,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
) -> Service:
    """The service; `clock`, `verifier` and `limiter` stand in for the real ones in tests."""
    return create_process_api(declared(), settings, clock=clock, verifier=verifier, limiter=limiter)


def _runs(database: Database, clock: Clock) -> Runs[RunRecord]:
    return Runs(database, PROCESS, clock, "release", lambda run: run)


def _drafts(state: State) -> Drafts:
    desk, clock = state["desk"], state["tools"].clock
    return Drafts(state["database"], state["readings"], state["claims"], state["releases"], desk.rules, clock)


def _starter(state: State) -> Starter:
    """Registers both workflows, before the engine is launched."""
    tools, systems, releases = state["tools"], state["systems"], state["releases"]
    parts = Parts(readings=state["readings"], drafts=state["drafts"], writings=Writings(systems))

    def recording(run: Run) -> Recording:
        return Recording(run, releases, state["claims"], state["postings"], state["desk"].rules)

    workflows: dict[str, Any] = {}
    starter = Starter(state["database"], state["runs"], releases, systems.crm, tools.engine, workflows, tools.clock)
    steps = CreditSteps(systems, state["readings"], releases, state["postings"], starter)
    release = InvoiceRelease(tools, parts, recording)
    credit = InvoiceCredit(tools, state["readings"], steps)
    workflows["release"] = tools.engine.workflow(PROCESS, release.workflow)
    workflows["credit"] = tools.engine.workflow("invoice-credit", credit.workflow)
    return starter


def _adjusting(state: State) -> Adjusting:
    return Adjusting(state["database"], state["releases"], state["desk"].audit, PROCESS, state["tools"].clock)


def _viewing(state: State) -> Viewing:
    return Viewing(
        state["database"],
        state["releases"],
        state["postings"],
        state["systems"],
        state["readings"],
        state["tools"].clock,
    )


def _deciding(state: State) -> Deciding:
    desk = state["desk"]
    return Deciding("Release", state["releases"].one, desk.cases, desk.decisions, state["answers"])


def _watching(state: State) -> Watching:
    desk = state["desk"]
    return Watching(
        state["database"],
        state["systems"].psa,
        state["readings"],
        state["claims"],
        desk.cases,
        desk.rules,
        PROCESS,
        state["tools"].clock,
    )


def _handlers(state: State) -> dict[str, Handler]:
    watching: Watching = state["watching"]
    return {
        "syncline.time-approved.v1": watching.on_time_approved,
        "syncline.time-approval-withdrawn.v1": watching.on_time_approval_withdrawn,
        "syncline.expense-approved.v1": watching.on_expense_approved,
        "syncline.milestone-accepted.v1": watching.on_milestone_accepted,
    }


def _roles(state: State) -> Sequence[Coroutine[Any, Any, None]]:
    clock = state["tools"].clock
    runner = BatchRunner(state["database"], state["systems"], state["desk"].bindings, state["starter"], clock)
    return (runner.run(), state["watching"].run(1.0))
