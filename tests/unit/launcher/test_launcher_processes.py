"""No process outlives the launcher, and what a former run left is found and stopped, nothing else."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from launcher.problem import LaunchError
from launcher.processes import Command, Register, Running, environment, spawn, stop_all
from launcher.runlock import only_run

DEADLINE_S = 30.0
# a launcher in small: starts a child as the launcher does, tells its process id, waits
PARENT = """
import asyncio, os, signal, sys
from pathlib import Path
from launcher.processes import Command, spawn

async def main():
    command = Command(arguments=("sleep", "600"), folder=Path("/"), environment=dict(os.environ))
    child = await spawn(command, Path(sys.argv[1]))
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"])


def test_children_end_with_a_launcher_that_was_killed(tmp_path: Path) -> None:
    """`kill -9` of the launcher leaves no process behind."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(DEADLINE_S)
    assert not child.is_running()


async def test_a_child_is_in_a_session_of_its_own(tmp_path: Path) -> None:
    """Ctrl-C in the terminal reaches the launcher alone, which then stops all in order."""
    command = Command(arguments=("sleep", "600"), folder=tmp_path, environment=dict(os.environ))
    child = await spawn(command, tmp_path / "log")
    assert child.pid == os.getsid(child.pid)
    child.kill()
    await child.wait()


async def test_output_and_errors_go_to_the_log(tmp_path: Path) -> None:
    """Both streams are in one file, after what was there."""
    log = tmp_path / "log"
    log.write_text("before\n")
    command = Command(arguments=("/bin/sh", "-c", "echo out; echo err >&2"), folder=tmp_path, environment={})
    async with asyncio.timeout(DEADLINE_S):
        await (await spawn(command, log)).wait()
    assert log.read_text() == "before\nout\nerr\n"


def test_what_a_former_run_left_is_stopped(tmp_path: Path) -> None:
    """The register of a launcher that died tells the next one what to stop."""
    path = tmp_path / "processes.json"
    left = _sleeper()
    Register(path).add("a", left.pid)
    found = Register(path).left_behind()
    assert [("a", left.pid)] == [(one.name, one.pid) for one in found]
    assert stop_all(found) == ["a"]
    assert Register(path).left_behind() == []
    left.wait(DEADLINE_S)


def test_another_process_with_the_same_number_is_left_alone() -> None:
    """A number is used again by the system; the start time tells whose it is."""
    stranger = _sleeper()
    begun = psutil.Process(stranger.pid).create_time()
    assert stop_all([Running("a", stranger.pid, begun - 60.0)]) == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_what_ended_in_order_is_not_in_the_register(tmp_path: Path) -> None:
    """After a clean stop the next run has nothing to do."""
    register, child = Register(tmp_path / "processes.json"), _sleeper()
    register.add("a", child.pid)
    register.remove("a")
    assert Register(tmp_path / "processes.json").left_behind() == []
    child.kill()
    child.wait()


def test_a_second_run_in_the_same_clone_is_told_of_the_first(tmp_path: Path) -> None:
    """Two runs would share one database; the second ends with one sentence."""
    path = tmp_path / "run.lock"
    with only_run(path), pytest.raises(LaunchError) as caught, only_run(path):
        pass
    expected = (
        f"Syncline is already running in this clone (process {os.getpid()}). "
        "Stop that one with Ctrl-C, or run a second copy from another clone."
    )
    assert expected == caught.value.sentence


def test_the_clone_is_free_again_after_a_run(tmp_path: Path) -> None:
    """The lock is the system's: it ends with its holder."""
    path = tmp_path / "run.lock"
    with only_run(path):
        pass
    with only_run(path):
        assert str(os.getpid()) == path.read_text()


def test_children_write_byte_code_and_use_no_proxy_among_themselves() -> None:
    """What the person set is kept, but for what would slow each start down or send local calls elsewhere."""
    inherited = {"HOME": "/h", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "/x", "NO_PROXY": "corp"}
    direct = "corp,127.0.0.1,localhost"
    expected = {"HOME": "/h", "NO_PROXY": direct, "no_proxy": direct, "PYTHONUNBUFFERED": "1", "MORE": "1"}
    assert expected | {"MALLOC_ARENA_MAX": "2"} == environment(inherited, {"MORE": "1"})
