"""Tests and checks end in one verdict, and a run without a test is no success."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher import gates, places
from launcher.gates import Gate, audited, counts

AUDIT = """noise {"dependencies": [%s], "fixes": []}"""
CLEAN = '{"name": "a", "version": "1", "vulns": []}'
VULNERABLE = '{"name": "b", "version": "1", "vulns": [{"id": "X-1"}]}'
UNKNOWN = '{"name": "c", "skip_reason": "not found"}'


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """An empty clone."""
    yield tmp_path
    shutil.rmtree(places.find(tmp_path).sockets)


@pytest.mark.parametrize(
    ("code", "output", "expected"),
    [
        (0, AUDIT % CLEAN, (True, "1 packages")),
        (1, AUDIT % f"{CLEAN}, {VULNERABLE}", (False, "vulnerable: b")),
        (0, AUDIT % UNKNOWN, (None, "not checked: the advisory service knows none of these packages")),
        (1, "requests.exceptions.ProxyError", (None, "not checked: the advisory service could not be reached")),
        (1, AUDIT % CLEAN, (False, "1 packages")),
    ],
)
def test_only_a_known_vulnerability_fails_the_audit(code: int, output: str, expected: tuple[bool | None, str]) -> None:
    """A service that tells nothing fails nothing, and nothing is said to hold."""
    assert expected == audited(code, output)


async def test_every_gate_is_asked_and_each_failure_is_named(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failed gate shows what it printed; those after it are asked all the same."""
    table = (
        Gate(name="first", command=("/bin/sh", "-c", "echo wrong field; exit 1")),
        Gate(name="second", command=("/bin/sh", "-c", "exit 0")),
    )
    assert await gates.check(clone, table) == 1
    report = json.loads((clone / ".syncline/reports/check.json").read_text())
    assert report["status"] == "failed"
    assert [(gate["name"], gate["ok"]) for gate in report["gates"]] == [("first", False), ("second", True)]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "      wrong field"
    assert re.match(r"check: failed: first, in \d+ s\. Report: ", lines[-1])


async def test_what_was_not_checked_is_not_said_to_hold(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It fails nothing; its own line, the last line and the report say so."""
    table = (
        Gate(name="first", command=("/bin/sh", "-c", "exit 0")),
        Gate(name="second", command=("/bin/sh", "-c", "exit 1"), judge=audited),
    )
    assert await gates.check(clone, table) == 0
    report = json.loads((clone / ".syncline/reports/check.json").read_text())
    assert [("first", True), ("second", None)] == [(gate["name"], gate["ok"]) for gate in report["gates"]]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("  --  ")
    assert re.match(r"check: all gates hold \(not checked: second\), in \d+ s\. Report: ", lines[-1])


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [
        ("def test_a(): pass", 0, {"passed": 1, "failed": 0, "errors": 0, "skipped": 0}),
        ("def test_a(): assert False", 1, {"passed": 0, "failed": 1, "errors": 0, "skipped": 0}),
        ("", 5, {"passed": 0, "failed": 0, "errors": 0, "skipped": 0}),
        ("import pytest\ndef test_a(): pytest.skip()", 1, {"passed": 0, "failed": 0, "errors": 0, "skipped": 1}),
    ],
)
async def test_a_suite_passes_only_if_a_test_passed(
    clone: Path, source: str, code: int, expected: dict[str, int]
) -> None:
    """Pytest's exit code is handed on; nothing found, or nothing but skips, is a failure."""
    (clone / "pytest.ini").write_text("[pytest]")
    (clone / "test_it.py").write_text(source)
    assert code == await gates.suite(clone, "test", [str(clone)])
    report = json.loads((clone / ".syncline/reports/test.json").read_text())
    assert expected == report["tests"]
    assert ("passed" if code == 0 else "failed") == report["status"]


async def test_what_fails_a_suite_after_its_last_test_is_shown(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every test has passed, and still something is wrong: its traceback is on the screen, not only in the log."""
    (clone / "pytest.ini").write_text("[pytest]")
    (clone / "conftest.py").write_text("def pytest_unconfigure(): raise OSError('the socket was left open')")
    (clone / "test_it.py").write_text("def test_a(): pass")
    assert await gates.suite(clone, "test", [str(clone)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "      OSError: the socket was left open" in lines
    assert lines[-1].startswith("test: 1 passed, in ")


async def test_the_halves_of_the_suite_run_at_once_and_count_together(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each waits for the other; one that fails fails the whole, and what it printed is on the screen."""
    (clone / "pytest.ini").write_text("[pytest]")
    meet = "import os\ndef test_a():\n    os.close(os.open({!r}, os.{}))\n    assert {}"
    os.mkfifo(clone / "pipe")
    for name, way, good in (("left", "O_RDONLY", True), ("right", "O_WRONLY", False)):
        (clone / name).mkdir()
        (clone / name / f"test_{name}.py").write_text(meet.format(str(clone / "pipe"), way, good))
    assert 1 == await gates.suite(clone, "test", [], [[str(clone / "left")], [str(clone / "right")]])
    report = json.loads((clone / ".syncline/reports/test.json").read_text())
    assert {"passed": 1, "failed": 1, "errors": 0, "skipped": 0} == report["tests"]
    lines = capsys.readouterr().out.splitlines()
    assert any(line.strip().startswith("FAILED right/test_right.py::test_a") for line in lines)


def test_a_killed_suite_counts_nothing(tmp_path: Path) -> None:
    """Without pytest's own report there is nothing to count."""
    assert set(counts(tmp_path / "none.xml").values()) == {0}
