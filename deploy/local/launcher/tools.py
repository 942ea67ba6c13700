"""`make contracts`, `hostile`, `faults`, `fuzz`, `bench`, `batch`: runs a program of the tests and tells of it."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from launcher import places, settings
from launcher.console import Console
from launcher.processes import Command, environment, python, spawn


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One program. `path` are the folders whose modules it imports; the report is its own, in `<name>.json`."""

    command: tuple[str, ...]
    path: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()  # its arguments, if the person gives none
    reports: bool = True


TOOLS: Mapping[str, Tool] = {
    "contracts": Tool(command=python("tests/contract/write.py"), path=("tests/contract",), reports=False),
    "hostile": Tool(
        command=python("tests/security/write.py"),
        path=("tests/security", "tests/support"),
        reports=False,
    ),
    "faults": Tool(command=python("tests/faults/faults.py"), path=("tests/support",)),
    "fuzz": Tool(
        command=python("tests/fuzz/fuzz.py"),
        path=("tests/fuzz", "tests/support", "tests/contract"),
    ),
    "bench": Tool(command=python("tests/bench/bench.py"), path=("tests/bench", "tests/support")),
    "batch": Tool(command=python("tests/bench/batch.py"), path=("tests/support",)),
}


async def run(clone: Path, name: str, arguments: Sequence[str], tools: Mapping[str, Tool] = TOOLS) -> int:
    """Run the tool with its output shown; a report of an earlier run is gone first. Returns the exit code."""
    here, console, began = places.find(clone), Console.of_the_person(), time.monotonic()
    here.make()
    tool, report = tools[name], here.reports / f"{name}.json"
    if tool.reports:
        report.unlink(missing_ok=True)
    code = await _ended(_command(tool, here, arguments), here.log(name))
    missing = tool.reports and not report.exists()
    verdict = "done" if code == 0 else f"failed with exit code {code}"
    told = "" if not tool.reports else " No report was written." if missing else f" Report: {report}"
    console.say(f"{name}: {verdict}, in {time.monotonic() - began:.0f} s.{told}")
    return code or int(missing)


def _command(tool: Tool, here: places.Places, arguments: Sequence[str]) -> Command:
    path = os.pathsep.join(str(here.clone / folder) for folder in tool.path)
    return Command(
        arguments=(*tool.command, *(arguments or tool.defaults)),
        folder=here.clone,
        environment=environment(settings.asked().variables, {"PYTHONPATH": path} if path else {}),
        orphaned=signal.SIGINT,
    )


async def _ended(command: Command, log: Path) -> int:
    process = await spawn(command, log, spoken=True)
    try:
        return await process.wait()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)  # it then still tears down what it started
        await process.wait()
        raise
