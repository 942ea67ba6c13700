"""`make test` and `make check`: runs the tools, shows what fails, ends in one line and one report."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from launcher import places, reports, settings
from launcher.console import Console
from launcher.problem import tail
from launcher.processes import Command, environment, python, spawn

# What starts whole systems keeps more than one core busy; beside it goes what needs hardly any.
SYSTEMS = tuple(f"tests/{kind}" for kind in ("bench", "edge", "faults", "fuzz", "scenarios", "security"))
HALVES = (SYSTEMS, ("tests", *(f"--ignore={path}" for path in SYSTEMS)))
NO_TESTS = 5  # pytest's exit code when it found none


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One tool that must agree. `judge` turns its exit code and output into (ok, remark); without one, 0 is good.

    `ok` is None where the tool could not check anything: that fails nothing, and is not said to hold either.
    """

    name: str
    command: tuple[str, ...]
    judge: Callable[[int, str], tuple[bool | None, str]] | None = None


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    ok: bool | None  # None: not checked
    seconds: float
    remark: str = ""


class CheckReport(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    seconds: float
    gates: Sequence[GateResult]


class TestReport(msgspec.Struct, frozen=True, kw_only=True):
    status: str
    seconds: float
    tests: Mapping[str, int]  # "passed", "failed", "errors", "skipped"


class _Half(msgspec.Struct, frozen=True, kw_only=True):
    """How one run of pytest ended."""

    code: int
    tests: Mapping[str, int]
    log: Path


def audited(code: int, output: str) -> tuple[bool | None, str]:
    """pip-audit's answer. A known vulnerability fails the gate; where the service tells nothing, nothing is checked."""
    try:
        audit = msgspec.json.decode(output[output.index("{") :], type=dict[str, list[dict[str, object]]])
    except (ValueError, msgspec.MsgspecError):
        return None, "not checked: the advisory service could not be reached"
    known = [package for package in audit["dependencies"] if "skip_reason" not in package]
    found = [str(package["name"]) for package in known if package.get("vulns")]
    if not known:
        return None, "not checked: the advisory service knows none of these packages"
    return not found and code == 0, f"vulnerable: {', '.join(found)}" if found else f"{len(known)} packages"


GATES = (
    Gate(name="format", command=python("-m", "ruff", "format", "--check", ".")),
    Gate(name="lint", command=python("-m", "ruff", "check", ".")),
    Gate(name="types", command=python("-m", "mypy")),
    Gate(name="layers", command=python("-c", "from importlinter.cli import lint_imports_command as run; run()")),
    Gate(name="contracts", command=python("-m", "pytest", "-q", "tests/contract")),
    Gate(
        name="vulnerabilities",
        command=python(
            *("-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off"),
            *("--format", "json", "--requirement", "requirements.lock"),
        ),
        judge=audited,
    ),
)


async def check(clone: Path, gates: Sequence[Gate] = GATES) -> int:
    """Ask every gate, also after one has failed; show what a failed one printed. Returns the exit code."""
    here, console, began = _begin(clone)
    results = [await _ask(gate, here, console) for gate in gates]
    failed = [result.name for result in results if result.ok is False]
    unchecked = [result.name for result in results if result.ok is None]
    seconds = round(time.monotonic() - began, 1)
    report = CheckReport(status="failed" if failed else "passed", seconds=seconds, gates=results)
    path = reports.write(here.reports, "check", report)
    verdict = f"failed: {', '.join(failed)}" if failed else "all gates hold"
    if unchecked:
        verdict += f" (not checked: {', '.join(unchecked)})"
    console.say(f"check: {verdict}, in {seconds:.0f} s. Report: {path}")
    return 1 if failed else 0


async def suite(clone: Path, name: str, arguments: Sequence[str], halves: Sequence[Sequence[str]] = HALVES) -> int:
    """Run pytest with its output shown, and count. No test at all is a failure too. Returns the exit code.

    Without *arguments* it is the whole suite, its two halves at once; the second one's output follows when it is over.
    """
    here, console, began = _begin(clone)
    first, *others = [arguments] if arguments else halves
    running = [_half(here, name, first, spoken=True)]
    running += [_half(here, f"{name}-{number}", other) for number, other in enumerate(others, 2)]
    results = await asyncio.gather(*running)
    for number, result in enumerate(results):
        if number or result.code:
            _show(console, result.log)
    code = next((result.code for result in results if result.code), 0)
    tests = {word: sum(result.tests[word] for result in results) for word in results[0].tests}
    seconds = round(time.monotonic() - began, 1)
    passed = code == 0 and tests["passed"] > 0
    report = TestReport(status="passed" if passed else "failed", seconds=seconds, tests=tests)
    path = reports.write(here.reports, name, report)
    words = ", ".join(f"{number} {word}" for word, number in tests.items() if number or word == "passed")
    none = "no test ran; " if code == NO_TESTS else ""
    console.say(f"{name}: {none}{words}, in {seconds:.0f} s. Report: {path}")
    return code or (0 if passed else 1)


async def _half(here: places.Places, name: str, arguments: Sequence[str], *, spoken: bool = False) -> "_Half":
    counted, log = here.reports / f"{name}.xml", here.log(name)
    for old in (counted, log):
        old.unlink(missing_ok=True)
    code = await _run(python("-m", "pytest", f"--junit-xml={counted}", *arguments), here, log, spoken=spoken)
    return _Half(code=code, tests=counts(counted), log=log)


def counts(junit: Path) -> dict[str, int]:
    """Tests by their result, from pytest's report; all zero if it was killed before it wrote one."""
    tests = {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}
    if junit.exists():
        for one in ET.parse(junit).iter("testsuite"):  # noqa: S314 - pytest wrote it
            tests["failed"] += int(one.get("failures", "0"))
            tests["errors"] += int(one.get("errors", "0"))
            tests["skipped"] += int(one.get("skipped", "0"))
            tests["passed"] += int(one.get("tests", "0"))
        tests["passed"] -= tests["failed"] + tests["errors"] + tests["skipped"]
    return tests


async def _ask(gate: Gate, here: places.Places, console: Console) -> GateResult:
    log = here.log(f"check-{gate.name}")
    log.unlink(missing_ok=True)
    began = time.monotonic()
    code = await _run(gate.command, here, log)
    seconds = round(time.monotonic() - began, 1)
    said = log.read_text("utf-8", errors="replace")
    ok, remark = gate.judge(code, said) if gate.judge else (code == 0, "")
    mark = "--  " if ok is None else console.good("ok  " if ok else "FAIL", good=ok)
    console.say(f"  {mark}  {seconds:5.1f} s  {gate.name}{f' ({remark})' if remark else ''}")
    if ok is False:
        _show(console, log)
    return GateResult(name=gate.name, ok=ok, seconds=seconds, remark=remark)


def _show(console: Console, log: Path) -> None:
    """What a tool that failed said of it."""
    for line in tail(log, lines=60):
        console.say(f"      {line}")


async def _run(command: tuple[str, ...], here: places.Places, log: Path, *, spoken: bool = False) -> int:
    variables = environment(settings.asked().variables, {})
    tool = Command(arguments=command, folder=here.clone, environment=variables, orphaned=signal.SIGINT)
    process = await spawn(tool, log, spoken=spoken)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)  # pytest then still tears down what its fixtures started
        await process.wait()
        raise


def _begin(clone: Path) -> tuple[places.Places, Console, float]:
    here = places.find(clone)
    here.make()
    return here, Console.of_the_person(), time.monotonic()
