"""The set-up knows what is complete, repairs what is not, and says in one sentence what stopped it."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import bootstrap
from bootstrap import Environment, SetupError, Stamp, one_at_a_time, sentence, uv_settings

LOG = Path("install.log")


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A clone with the files that decide over the environment, and no environment yet."""
    for name in bootstrap.INPUTS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    found = Environment(tmp_path)
    found.log.parent.mkdir(parents=True)
    return found


def _made(environment: Environment, stamp: Stamp | None) -> None:
    """An environment as a set-up would leave it, without its packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment.venv], check=True)
    if stamp is not None:
        environment.write_stamp(stamp)


def test_a_complete_environment_is_ready(environment: Environment) -> None:
    """Its stamp holds the digest of the lock files it was made from."""
    wanted = environment.wanted(dev=False)
    _made(environment, wanted)
    assert environment.is_ready(wanted)


def test_an_environment_with_the_test_tools_also_runs(environment: Environment) -> None:
    """`make run` after `make test` installs nothing; `make test` after `make run` does."""
    run, test = environment.wanted(dev=False), environment.wanted(dev=True)
    assert test.serves(run)
    assert not run.serves(test)


def test_an_environment_with_the_peers_also_tests(environment: Environment) -> None:
    """`make test` after `make bench` installs nothing; `make bench` after `make test` does. Each has its lock file."""
    run, test, bench = (
        environment.wanted(dev=dev, bench=more) for dev, more in ((False, False), (True, False), (True, True))
    )
    assert bench.serves(test)
    assert bench.serves(run)
    assert not test.serves(bench)
    assert ["requirements.lock", "requirements-dev.lock", "requirements-bench.lock"] == [
        one.lock for one in (run, test, bench)
    ]


@pytest.mark.parametrize("name", bootstrap.INPUTS)
def test_a_changed_lock_file_asks_for_a_set_up(environment: Environment, name: str) -> None:
    """Each of the files counts."""
    _made(environment, environment.wanted(dev=True))
    (environment.clone / name).write_text("changed")
    assert not environment.is_ready(environment.wanted(dev=True))


def test_a_set_up_that_was_broken_off_is_begun_again(environment: Environment) -> None:
    """What it left is neither ready nor kept."""
    wanted = environment.wanted(dev=False)
    _made(environment, wanted._replace(state="building"))
    assert not environment.is_ready(wanted)
    assert not environment.can_be_kept()


def test_a_moved_clone_gets_a_new_environment(environment: Environment) -> None:
    """Scripts in an environment hold its path."""
    wanted = environment.wanted(dev=False)
    _made(environment, wanted._replace(place="/elsewhere/.venv"))
    assert not environment.is_ready(wanted)
    assert not environment.can_be_kept()


def test_an_environment_whose_python_is_gone_is_not_ready(environment: Environment) -> None:
    """The interpreter that it was made with may have been removed."""
    wanted = environment.wanted(dev=False)
    _made(environment, wanted)
    environment.python.unlink()
    environment.python.symlink_to("/none/python3.11")
    assert not environment.is_ready(wanted)
    assert not environment.can_be_kept()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "ready"}', '{"state": 1, "more": 2}'])
def test_a_damaged_stamp_is_none(environment: Environment, content: str) -> None:
    """A file that a full disk cut short says nothing."""
    environment.venv.mkdir()
    (environment.venv / bootstrap.STAMP).write_text(content)
    assert environment.stamp() is None


def test_a_tool_that_fails_leaves_the_stamp_unfinished_and_one_sentence(environment: Environment) -> None:
    """The lock file of this clone is no lock file: the set-up stops there, and its output is in the log."""
    with pytest.raises(SetupError) as caught:
        environment.set_up(environment.wanted(dev=False), sys.executable)
    assert str(caught.value).startswith("Setting up failed while fetching the installer: ")
    stamp = environment.stamp()
    assert stamp is not None
    assert stamp.state == "building"
    assert "# fetching the installer" in environment.log.read_text()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("cause: No space left on device (os error 28)", "The disk is full."),
        ("OSError: [Errno 30] Read-only file system: '/x'", "No permission to write in the clone."),
        (
            "cause: tcp connect error\ncause: Connection refused (os error 111)",
            "The package index could not be reached.",
        ),
        ("error sending request for url\nNo space left on device", "The disk is full."),
        ("cause: Hash mismatch for `x==1`", "A downloaded package is not the one that the lock pins."),
        ("No module named ensurepip", "This Python has no venv (Debian: python3.11-venv)."),
        ("one\n\nboom\n\n", "Setting up failed while installing: boom"),
        ("", "Setting up failed while installing: no output"),
    ],
)
def test_what_a_tool_prints_becomes_a_sentence(output: str, expected: str) -> None:
    """The person reads what happened; the tool's own words are in the log."""
    assert sentence("installing", output, LOG).startswith(expected)


def test_pips_mirrors_are_told_to_uv() -> None:
    """Uv reads no pip configuration; a variable of pip's wins over its files, and a package may be in any index."""
    listed = """\
:env:.index-url='file:///from-variable'
global.index-url='file:///from-file'
global.extra-index-url='file:///a file:///b'
global.timeout='9'
install.find-links='\\n/wheels\\n/more'
"""
    expected = {
        "UV_DEFAULT_INDEX": "file:///from-variable",
        "UV_INDEX": "file:///a file:///b",
        "UV_FIND_LINKS": "/wheels /more",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert expected == uv_settings(listed)


def test_no_mirrors_leave_uv_as_it_is() -> None:
    """Without a configuration of pip's nothing is said to uv."""
    assert uv_settings("") == {}


def test_a_second_set_up_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two commands in one clone do not build the same environment; the second says that it waits."""
    path, second = tmp_path / "install.lock", threading.Event()

    def wait() -> None:
        with one_at_a_time(path):
            second.set()

    with one_at_a_time(path):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.05)
        assert not second.is_set()
    waiting.join(30.0)
    assert second.is_set()
    assert capsys.readouterr().out == "Another set-up of this clone is running; waiting for it.\n"


def test_another_python_finds_the_right_one(tmp_path: Path) -> None:
    """`python3` may be any version, as long as a python3.11 that works is on the path."""
    (tmp_path / "python3.11").symlink_to(sys.executable)
    assert bootstrap.python_3_11((3, 12), str(tmp_path)) == str(tmp_path / "python3.11")


@pytest.mark.parametrize("stand_in", [False, True])
def test_a_missing_python_is_one_sentence(tmp_path: Path, stand_in: bool) -> None:
    """Also where a version switcher has put a stand-in that does not work."""
    if stand_in:
        (tmp_path / "python3.11").write_text("#!/bin/sh\nexit 127\n")
        (tmp_path / "python3.11").chmod(0o755)
    with pytest.raises(SetupError) as caught:
        bootstrap.python_3_11((3, 12), str(tmp_path))
    expected = "Syncline needs Python 3.11, and there is no working python3.11 here (python3 is 3.12)."
    assert expected == str(caught.value)


def test_the_pins_of_the_installer_have_hashes() -> None:
    """Each line of bootstrap.lock names a version and at least one hash: pip refuses anything else."""
    lines = (bootstrap.CLONE / "deploy/local/bootstrap.lock").read_text().replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert len(pins) > 3
    assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_the_warm_report_says_so(environment: Environment) -> None:
    """A complete environment costs a look; the seconds are reported all the same."""
    _made(environment, environment.wanted(dev=True))
    bootstrap.set_up(environment.clone, dev=False)
    report = json.loads((environment.state / "reports" / "install.json").read_text())
    assert (report["status"], report["warm"]) == ("passed", True)
    assert report["seconds"] < 1.0
