"""The revenue-recognition service: its API and its workflow."""

from litestar.datastructures import State

from process_apis.deciding import Deciding
from process_apis.ledger.postings import Postings
from process_apis.operations.runs import RunRecord, Runs
from process_apis.revenue_recognition.reading import Readings
from process_apis.revenue_recognition.recognitions import Recognitions
from process_apis.revenue_recognition.rehearsing import Rehearsing
from process_apis.revenue_recognition.routes import LedgerRoutes, RecognitionRoutes
from process_apis.revenue_recognition.starting import PROCESS, Starter
from process_apis.revenue_recognition.tieout import TyingOut
from process_apis.revenue_recognition.workflow import RevenueRecognition
from process_apis.service import Process, create_process_api
from process_apis.settings import ProcessSettings
from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock
from servicekit.contract import ApiInfo
from servicekit.database import Database
from servicekit.limits import RateLimiter

API = ApiInfo(
    id="0d8a4b6c-93e7-4f27-8d55-6c2b9a7e1f03",
    title="Revenue recognition",
    version="1.0.0",
    description="Posts what contracts have earned, minus what the ledger has already, and ties everything out.",
    owner="finance-process-team",
    layer="process",
    audience="company-internal",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "300ms", "completion_p95": "10min"},
    data_classification="confidential",
    contact="finance-process-team@syncline.example",
)


def declared() -> Process:
    """The process, before it is given settings."""
    return Process(
        name=PROCESS,
        api=API,
        routes=[RecognitionRoutes, LedgerRoutes],
        runs=_runs,
        parts={
            "recognitions": lambda state: Recognitions(state["database"], state["tools"].clock),
            "postings": lambda state: Postings(state["database"], state["tools"].clock),
            "readings": _readings,
            "starter": _starter,
            "tying_out": _tying_out,
            "rehearsing": lambda state: Rehearsing(state["database"]),
            "deciding": _deciding,
        },
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
    return Runs(database, PROCESS, clock, "recognition", lambda run: run)


def _readings(state: State) -> Readings:
    return Readings(state["systems"], state["desk"].bindings, state["database"], state["tools"].clock)


def _starter(state: State) -> Starter:
    """Registers the workflow, before the engine is launched."""
    tools, rules = state["tools"], state["desk"].rules.revenue
    process = RevenueRecognition(
        tools, state["readings"], state["systems"], state["recognitions"], state["postings"], rules
    )
    workflow = tools.engine.workflow(PROCESS, process.workflow)
    return Starter(
        state["database"],
        state["runs"],
        state["recognitions"],
        state["readings"],
        rules,
        tools.engine,
        workflow,
        tools.clock,
    )


def _tying_out(state: State) -> TyingOut:
    return TyingOut(
        state["database"], state["postings"], state["systems"], state["desk"].bindings, state["tools"].clock
    )


def _deciding(state: State) -> Deciding:
    desk = state["desk"]
    return Deciding("Recognition", state["recognitions"].one, desk.cases, desk.decisions, state["answers"])
