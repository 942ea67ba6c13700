"""Drives every API of a running system from its contract file with schemathesis, as every caller there is.

System APIs directly, process and experience APIs through the edge.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml
from answer_settings import SETTINGS, Settings
from apis import CONTRACTS
from callers import EVERYTHING, Caller, callers, credentials
from giving_away import secrets_of
from running_system import RunningSystem

from demo.morning import demo_firm
from launcher.vendors import ANY_DAY

HERE = Path(__file__).parent
AT_ONCE = 2  # runs at a time: schemathesis keeps one core busy, the services the other
# What a contract allows a business rule may still refuse, so acceptance of every valid request is not asked for.
LEFT_OUT = "positive_data_acceptance"
# schemathesis asks for 405 with the method QUERY and no Content-Type, which Envoy refuses with 400 by a rule of its own
# before any route is chosen. tests/edge checks 405 for other methods, so the check is left out here.
LEFT_OUT_AT_EDGE = f"{LEFT_OUT},unsupported_method"
SERVER_ERRORS = frozenset({"ServerError"})
UNDOCUMENTED = frozenset({"UndefinedStatusCode", "UndefinedContentType"})
KNOWN_WORDS = 0.9  # how often a parameter that has known words gets one of them
MOST_TOLD = 20_000
MOST_SECONDS = 1800.0  # of one run


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """How many examples per operation and phase, and in which phases."""

    examples: int
    phases: tuple[str, ...] = ("examples", "coverage", "fuzzing", "stateful")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What schemathesis found of one API as one caller, who has so many of its scopes.

    `statuses` counts all answers. `violations` are other broken promises; `told` is schemathesis's own report.
    """

    api: str
    caller: str
    scopes: int
    operations: int
    cases: int
    statuses: dict[int, int]
    server_errors: int
    undocumented: int
    violations: tuple[str, ...]
    told: str = ""

    @property
    def sound(self) -> bool:
        """Without answers nothing was kept or broken: then the hooks, tokens and checks among them, were not there."""
        return bool(self.statuses) and not (self.server_errors or self.undocumented or self.violations)


class FuzzReport(msgspec.Struct, frozen=True, kw_only=True):
    """All runs. A case is a request that schemathesis made up; `seed` makes them up again."""

    seed: int
    cases: int
    server_errors: int
    undocumented: int
    violations: int
    runs: tuple[Run, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run to be made."""

    file: Path
    contract: dict[str, Any]
    caller: Caller
    depth: Depth

    @property
    def layer(self) -> str:
        return self.file.parent.name

    @property
    def name(self) -> str:
        return self.file.name.split(".")[0]


def plans(whole: Depth | None, others: Depth | None) -> Iterator[Plan]:
    """Every contract as every caller: who has all scopes to the *whole* depth, the *others* to theirs. None: not."""
    for file in sorted((CONTRACTS / "openapi").rglob("*.yaml")):
        contract = yaml.safe_load(file.read_text("utf-8"))
        for caller in callers(file.parent.name, contract):
            depth = whole if caller.name == EVERYTHING else others
            if depth is not None:
                yield Plan(file=file, contract=contract, caller=caller, depth=depth)


async def fuzz(
    system: RunningSystem, wanted: list[Plan], seed: int, tell: Callable[[Run], None] = lambda _run: None
) -> FuzzReport:
    """Every plan, a few at a time; the report has them in their order. *tell* hears of each when it is over."""
    places = asyncio.Semaphore(AT_ONCE)
    turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # a client's runs share its rate limit

    async def carried_out(plan: Plan) -> Run:
        async with turns[plan.caller.client or plan.file.name], places:
            run = await _run(system, plan, seed)
            tell(run)
            return run

    runs = tuple(await asyncio.gather(*(carried_out(plan) for plan in wanted)))
    return FuzzReport(
        seed=seed,
        cases=sum(run.cases for run in runs),
        server_errors=sum(run.server_errors for run in runs),
        undocumented=sum(run.undocumented for run in runs),
        violations=sum(len(run.violations) for run in runs),
        runs=runs,
    )


async def _run(system: RunningSystem, plan: Plan, seed: int) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = Settings(
            credentials=credentials(system, plan.layer, plan.contract, plan.caller),
            secrets=secrets_of(system.site),
            tally=str(folder / "tally"),
            behind_the_edge=plan.layer == "system",
        )
        await asyncio.to_thread((folder / "settings.json").write_bytes, msgspec.json.encode(told))
        await asyncio.to_thread((folder / "schemathesis.toml").write_text, _own_settings(system, plan), "utf-8")
        process = await asyncio.create_subprocess_exec(
            *_command(system, plan, folder / "report.json", seed),
            cwd=folder,
            env=os.environ | _environment(folder / "settings.json"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(MOST_SECONDS):
            output, _ = await process.communicate()
        return await asyncio.to_thread(_result, plan, folder, output.decode("utf-8", "replace"))


def _own_settings(system: RunningSystem, plan: Plan) -> str:
    """Schemathesis's own settings: what no generator can guess, and behind which everything of a system API lies.

    Too many requests is a right answer to any of them.
    """
    words = {
        "connection": system.told.connections.get(plan.name, []),
        "legal_entity_code": [entity.code for entity in demo_firm(ANY_DAY).entities],
    }
    refused = "[checks.missing_required_header]\nexpected-statuses = [400, 401, 403, 406, 415, 422, 429]\n"
    return refused + "".join(
        f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n"
        f'[parameters.{name}]\ndictionary = "{name}"\nprobability = {KNOWN_WORDS}\n'
        for name, values in words.items()
        if values
    )


def _command(system: RunningSystem, plan: Plan, report: Path, seed: int) -> tuple[str, ...]:
    left_out = LEFT_OUT if plan.layer == "system" else LEFT_OUT_AT_EDGE
    named = ("--header", f"Syncline-Actor: {plan.caller.actor}") if plan.caller.actor else ()
    return (
        *(sys.executable, "-m", "schemathesis.cli", "run", str(plan.file), "--url", _url(system, plan)),
        *("--phases", ",".join(plan.depth.phases), "--max-examples", str(plan.depth.examples), "--seed", str(seed)),
        *("--exclude-checks", left_out, "--no-color", "--continue-on-failure", "--no-shrink"),
        *("--request-timeout", "60", "--report-json-path", str(report), "--suppress-health-check", "all"),
        # Who is told to wait waits and asks again, or the next cases would tell nothing but 429.
        *("--warnings", "off", "--generation-database", "none", "--rate-limit", "auto", *named),
    )


def _environment(settings: Path) -> dict[str, str]:
    found = [str(HERE), *(entry for entry in sys.path if entry)]
    return {"SCHEMATHESIS_HOOKS": "answer_hooks", SETTINGS: str(settings), "PYTHONPATH": os.pathsep.join(found)}


def _url(system: RunningSystem, plan: Plan) -> str:
    """Where a caller of the API would send its requests."""
    if plan.layer == "process":
        return f"{system.site.origin}/process/{plan.name}"
    if plan.layer == "experience":
        return f"{system.site.origin}/experience"
    return system.site.address(f"system-{plan.name}")


def _result(plan: Plan, folder: Path, output: str) -> Run:
    file, tally = folder / "report.json", folder / "tally"
    if not file.exists():
        raise AssertionError(f"schemathesis left no report of {plan.name}: {output[-2000:]}")
    report = json.loads(file.read_bytes())
    found = report["failures"]
    others = [one for one in found if one["type"] not in SERVER_ERRORS | UNDOCUMENTED]
    return Run(
        api=f"{plan.layer}/{plan.name}",
        caller=plan.caller.name,
        scopes=len(plan.caller.scopes),
        operations=report["operations"]["tested"],
        cases=report["test_cases"]["generated"],
        statuses=dict(sorted(Counter(map(int, tally.read_text().split())).items())) if tally.exists() else {},
        server_errors=sum(one["count"] for one in found if one["type"] in SERVER_ERRORS),
        undocumented=sum(one["count"] for one in found if one["type"] in UNDOCUMENTED),
        violations=tuple(
            [f"{one['title']}: {', '.join(one['operations'])}" for one in others]
            + [f"error: {one}" for one in report["errors"]]
        ),
        told=output[-MOST_TOLD:] if found or report["errors"] else "",
    )
