"""What a run tells a person and leaves for a program."""

import io
import json
import os
from pathlib import Path

import pytest

from launcher import reports
from launcher.console import Console
from launcher.problem import LaunchError, from_system, tail
from launcher.processes import Command
from launcher.reports import Check, RunReport, Seconds
from launcher.supervisor import Unit


def _unit(name: str, layer: str) -> Unit:
    command = Command(arguments=("true",), folder=Path("/"), environment={})
    return Unit(name=name, layer=layer, command=command, log=Path(f"/logs/{name}.log"), ready=None)


def test_the_run_report_has_the_names_that_others_read(tmp_path: Path) -> None:
    """status, seconds {install, start, play}, checks [{name, expected, seen, ok}], memory_mib."""
    check = Check(name="projects", expected="11", seen="11", ok=True)
    report = RunReport(
        status="passed", seconds=Seconds(install=0.1, start=6.2, play=9.8), checks=[check], memory_mib=812
    )
    expected = {
        "status": "passed",
        "seconds": {"install": 0.1, "start": 6.2, "play": 9.8},
        "checks": [{"name": "projects", "expected": "11", "seen": "11", "ok": True}],
        "memory_mib": 812,
        "problem": "",
    }
    assert expected == json.loads(reports.write(tmp_path / "reports", "run", report).read_text())


def test_the_seconds_of_the_set_up_come_from_its_report(tmp_path: Path) -> None:
    """The set-up ran before the launcher could; without its report they are zero."""
    assert reports.install_seconds(tmp_path) == 0.0
    (tmp_path / "install.json").write_text('{"seconds": 11.7}')
    assert reports.install_seconds(tmp_path) == 11.7


def test_memory_counts_the_whole_tree() -> None:
    """This process alone holds more than nothing and less than all."""
    assert 1 < reports.memory_mib(os.getpid()) < 4096


def test_a_layer_is_said_when_all_of_it_is_ready() -> None:
    """One line per layer, without colour or movement where no terminal is."""
    stream = io.StringIO()
    console = Console(stream)
    units = (_unit("a", "system"), _unit("b", "system"), _unit("c", "edge"))
    console.expect(units)
    console.ready(units[0], 1.0)
    assert stream.getvalue() == ""
    console.ready(units[1], 2.0)
    assert stream.getvalue() == "  ready   0.0 s  system      a 1.0, b 2.0\n"


def test_a_death_and_a_return_are_said() -> None:
    """With how it ended, when it is started again, and where its log is."""
    stream = io.StringIO()
    console, unit = Console(stream), _unit("a", "system")
    console.expect((unit,))
    console.ready(unit, 1.0)
    console.died(unit, "was ended by SIGKILL", 0.5)
    console.ready(unit, 1.5)
    expected = [
        "  a was ended by SIGKILL; it is restarted in 0.5 s. Log: /logs/a.log",
        "  a is back after 1.5 s.",
    ]
    assert expected == stream.getvalue().splitlines()[1:]


def test_colour_is_for_terminals_whose_owner_wants_it() -> None:
    """Green where it is wanted and live, plain elsewhere."""
    good = [
        Console(io.StringIO(), live=live, colour=colour).good("x", good=True)
        for live, colour in ((True, True), (True, False), (False, True))
    ]
    assert good == ["\x1b[32mx\x1b[0m", "x", "x"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            OSError(28, "No space left on device", "/x"),
            "The disk is full (/x). Free some space and run the same command again.",
        ),
        (
            PermissionError(13, "Permission denied", "/x"),
            "No permission to write here (/x). Give this user write access to the clone.",
        ),
        (OSError(5, "Input/output error"), "The operating system refused: Input/output error."),
    ],
)
def test_an_error_of_the_system_is_one_sentence(error: OSError, expected: str) -> None:
    """A full disk, a missing right, anything else."""
    assert expected == from_system(error).sentence


def test_the_last_lines_of_a_log_are_shown(tmp_path: Path) -> None:
    """Not all of it, and no empty lines; a log that is not there has none."""
    log = tmp_path / "a.log"
    log.write_text("\n".join(f"line {number}\n" for number in range(100)))
    assert tail(log, 2) == ["line 98", "line 99"]
    assert tail(tmp_path / "none.log") == []
    assert (
        LaunchError("It failed.", tmp_path / "none.log").told()
        == f"It failed. Its log {tmp_path / 'none.log'} is empty."
    )


def test_a_full_disk_is_named_when_the_log_says_so(tmp_path: Path) -> None:
    """A component that could not write died of the disk, not of itself."""
    log = tmp_path / "a.log"
    log.write_text("FATAL: could not extend file: No space left on device\n")
    expected = "a died. The disk is full: free some space and run the same command again."
    assert expected == LaunchError("a died.", log).explained()
