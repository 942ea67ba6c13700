"""The tests' own programs are run with their output shown, and judged by exit code and report."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import places, tools
from launcher.__main__ import read
from launcher.tools import TOOLS, Tool

ROOT = Path(__file__).parents[3]
REPORT = ".syncline/reports/measure.json"


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """An empty clone."""
    yield tmp_path
    shutil.rmtree(places.find(tmp_path).sockets)


def _tool(script: str) -> dict[str, Tool]:
    return {"measure": Tool(command=("/bin/sh", "-c", script, "measure"), path=("one", "two"), defaults=("50",))}


def _said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, as if the machine were fast."""
    return re.sub(r"in \d+ s\.", "in 0 s.", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("said", "passed_on"),
    [
        (["fuzz", "50", "--seed", "7"], ["50", "--seed", "7"]),
        (["fuzz", "--seed", "7"], ["--seed", "7"]),
        (["test", "-k", "name"], ["-k", "name"]),
        (["check"], []),
        (["run", "--once"], []),
    ],
)
def test_a_program_gets_what_was_said_behind_its_name(said: list[str], passed_on: list[str]) -> None:
    """Options of its own first, or last, or none."""
    asked, found = read(said)
    assert (said[0], passed_on) == (asked.command, found)


async def test_a_tool_has_its_folders_and_the_persons_arguments(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs in the clone with its modules on the path; without arguments of the person's it gets its own."""
    table = _tool(f'echo "$1 $PYTHONPATH" > {REPORT}')
    assert await tools.run(clone, "measure", [], table) == 0
    assert (clone / REPORT).read_text() == f"50 {clone}/one:{clone}/two\n"
    assert await tools.run(clone, "measure", ["7"], table) == 0
    assert (clone / REPORT).read_text().startswith("7 ")
    assert _said(capsys).splitlines()[-1] == f"measure: done, in 0 s. Report: {clone / REPORT}"


async def test_the_exit_code_of_a_tool_is_handed_on(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it found is in its report all the same."""
    assert await tools.run(clone, "measure", [], _tool(f"echo x > {REPORT}; exit 3")) == 3
    assert _said(capsys) == f"measure: failed with exit code 3, in 0 s. Report: {clone / REPORT}\n"


async def test_an_earlier_report_is_not_taken_for_a_new_one(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tool that ends well without its report has failed."""
    assert await tools.run(clone, "measure", [], _tool(f"echo x > {REPORT}")) == 0
    assert await tools.run(clone, "measure", [], _tool("exit 0")) == 1
    assert _said(capsys).endswith("measure: done, in 0 s. No report was written.\n")
    assert not (clone / REPORT).exists()


@pytest.mark.parametrize("name", TOOLS)
def test_each_tool_is_there_and_has_its_target(name: str) -> None:
    """The program and its folders exist, and the Makefile has a target of the same name."""
    tool = TOOLS[name]
    assert all((ROOT / part).exists() for part in (tool.command[-1], *tool.path))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert name in targets
