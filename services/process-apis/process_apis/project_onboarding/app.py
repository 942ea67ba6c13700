"""The project-onboarding service: its API, its workflow, and the events that it listens to."""

from litestar.datastructures import State

from process_apis.deciding import Deciding
from process_apis.project_onboarding.matching import Matching
from process_apis.project_onboarding.onboardings import onboardings
from process_apis.project_onboarding.reading import Readings
from process_apis.project_onboarding.routes import OnboardingRoutes, StatisticsRoutes
from process_apis.project_onboarding.starting import PROCESS, Starter
from process_apis.project_onboarding.viewing import Viewing
from process_apis.project_onboarding.workflow import ProjectOnboarding
from process_apis.project_onboarding.writing import Writings
from process_apis.service import Process, create_process_api
from process_apis.settings import ProcessSettings
from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter

API = ApiInfo(
    id="3b6c1c0e-6f0a-4a53-9a8e-5d6f0f1c2a01",
    title="Project onboarding",
    version="1.0.0",
    description="Turns a won opportunity into a project that is open for time everywhere, or says what is missing.",
    owner="process-team",
    layer="process",
    audience="external-partner",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "300ms", "completion_p95": "5min"},
    data_classification="confidential",
    contact="process-team@syncline.example",
)


def declared() -> Process:
    """The process, before it is given settings."""
    return Process(
        name=PROCESS,
        api=API,
        routes=[OnboardingRoutes, StatisticsRoutes],
        runs=onboardings,
        parts={"viewing": _viewing, "deciding": _deciding, "matching": _matching, "starter": _starter},
        events={
            PROCESS: lambda state: {"syncline.opportunity-won.v1": state["starter"].on_opportunity_won},
            "people-matching": lambda state: {"syncline.employee-created.v1": state["matching"].on_employee_created},
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


def _viewing(state: State) -> Viewing:
    return Viewing(state["systems"], state["tools"].clock)


def _deciding(state: State) -> Deciding:
    desk = state["desk"]
    return Deciding("Onboarding", state["runs"].one, desk.cases, desk.decisions, state["answers"])


def _matching(state: State) -> Matching:
    return Matching(state["systems"], state["desk"].bindings, state["tools"].clock)


def _starter(state: State) -> Starter:
    """Registers the workflow, before the engine is launched."""
    systems, desk, tools = state["systems"], state["desk"], state["tools"]
    readings = Readings(systems, desk.bindings, tools.clock)
    process = ProjectOnboarding(tools, readings, Writings(systems), desk.rules)
    workflow = tools.engine.workflow(PROCESS, process.workflow)
    return Starter(state["runs"], systems.crm, tools.engine, workflow)
