"""Components start in order, come back when they die, and all end."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from launcher.problem import LaunchError
from launcher.processes import Command, Register
from launcher.readiness import Probe, says
from launcher.supervisor import Pace, Supervisor, Unit, cap, rotate

DEADLINE_S = 30.0
FAST = Pace(ready_s=10.0, first_pause_s=0.01, longest_pause_s=0.02, probe_s=0.005, stop_s=2.0, log_check_s=0.01)
STAYS = "echo up; touch {ready}; exec sleep 600"
DEAF = "trap '' TERM; echo up; touch {ready}; while true; do sleep 600; done"


class Watcher:
    """An onlooker of the supervisor: keeps what happened, and lets a test wait for it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def starting(self, unit: Unit) -> None:
        self._add(f"starting {unit.name}")

    def ready(self, unit: Unit, seconds: float) -> None:
        self._add(f"ready {unit.name}")

    def died(self, unit: Unit, ending: str, pause_s: float) -> None:
        self._add(f"died {unit.name}: {ending}, pause {pause_s}")

    async def until(self, event: str, times: int = 1) -> None:
        """Return when the event has been seen so often; fail at the deadline."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            await self._changed.wait_for(lambda: self.seen.count(event) >= times)

    def _add(self, event: str) -> None:
        self.seen.append(event)
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


class Stage:
    """Makes units of shell scripts in a folder; a unit is ready when its script has made its file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.register = Register(folder / "processes.json")

    def unit(self, name: str, script: str, *needs: str, layer: str = "one", task: bool = False) -> Unit:
        ready = self.folder / f"{name}.ready"
        command = Command(
            arguments=("/bin/sh", "-c", script.format(ready=ready)), folder=self.folder, environment=dict(os.environ)
        )
        probe: Probe | None = None if task else says(lambda _pid: ready.exists())
        return Unit(name=name, layer=layer, command=command, log=self.folder / f"{name}.log", ready=probe, needs=needs)

    @asynccontextmanager
    async def run(self, watcher: Watcher, *units: Unit, pace: Pace = FAST) -> AsyncIterator[Supervisor]:
        """The supervisor of the units, not started; stopped at the end."""
        supervisor = Supervisor(units, self.register, watcher, pace)
        try:
            yield supervisor
        finally:
            await supervisor.stop()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_unit_starts_when_all_that_it_needs_is_ready(stage: Stage, watcher: Watcher) -> None:
    """A task that ends well counts as ready; what needs it starts then, and not before."""
    units = (
        stage.unit("store", STAYS),
        stage.unit("tables", "exit 0", "store", task=True),
        stage.unit("service", STAYS, "tables", layer="two"),
    )
    async with stage.run(watcher, *units) as supervisor:
        await supervisor.start()
    expected = ["starting store", "ready store", "starting tables", "ready tables", "starting service", "ready service"]
    assert expected == watcher.seen


async def test_what_dies_is_restarted_and_said(stage: Stage, watcher: Watcher) -> None:
    """A killed component is back under a new process, after a pause that doubles up to its limit."""
    async with stage.run(watcher, stage.unit("a", STAYS)) as supervisor:
        await supervisor.start()
        pids = []
        for life in (1, 2, 3):
            pid = supervisor.process_id("a")
            assert pid is not None
            pids.append(pid)
            os.kill(pid, signal.SIGKILL)
            await watcher.until("ready a", times=life + 1)
    assert len(set(pids)) == 3
    deaths = [event for event in watcher.seen if event.startswith("died")]
    pauses = (0.01, 0.02, 0.02)
    assert [f"died a: was ended by SIGKILL, pause {pause}" for pause in pauses] == deaths


async def test_a_component_that_cannot_start_is_named_with_its_log(stage: Stage, watcher: Watcher) -> None:
    """The start ends at once, with the exit code, the log's name and what it printed last."""
    unit = stage.unit("a", "echo looking; echo no such table >&2; exit 3")
    async with stage.run(watcher, unit) as supervisor:
        with pytest.raises(LaunchError) as caught:
            await supervisor.start()
    lines = f"The last lines of {unit.log}:\n    looking\n    no such table"
    assert f"a could not be started: it ended with exit code 3. {lines}" == caught.value.told()


async def test_a_failed_task_holds_back_what_needs_it(stage: Stage, watcher: Watcher) -> None:
    """Services do not start on a database that was not set up."""
    units = (stage.unit("tables", "exit 1", task=True), stage.unit("service", STAYS, "tables"))
    async with stage.run(watcher, *units) as supervisor:
        with pytest.raises(LaunchError) as caught:
            await supervisor.start()
    assert caught.value.sentence == "tables could not be started: it ended with exit code 1."
    assert watcher.seen == ["starting tables"]


async def test_a_program_that_is_missing_is_one_sentence(stage: Stage, watcher: Watcher) -> None:
    """A missing file is named, with what puts it back."""
    command = Command(arguments=("/none/such",), folder=stage.folder, environment={})
    unit = Unit(name="a", layer="one", command=command, log=stage.folder / "a.log", ready=None)
    async with stage.run(watcher, unit) as supervisor:
        with pytest.raises(LaunchError) as caught:
            await supervisor.start()
    assert (
        caught.value.sentence == "A file is missing (/none/such). `make clean` and the same command again put it back."
    )


async def test_a_component_that_never_gets_ready_is_ended_and_named(stage: Stage, watcher: Watcher) -> None:
    """A hang is not waited for for ever, and does not stay behind."""
    pace = Pace(ready_s=0.1, probe_s=0.005, stop_s=2.0)
    async with stage.run(watcher, stage.unit("a", "exec sleep 600"), pace=pace) as supervisor:
        with pytest.raises(LaunchError) as caught:
            await supervisor.start()
        assert supervisor.process_id("a") is None
    assert caught.value.sentence == "a was not ready after 0 s and was ended."


async def test_layers_stop_in_reverse_and_the_deaf_are_killed(stage: Stage, watcher: Watcher) -> None:
    """What was given last ends first; what does not listen is killed in time, and no process is left."""
    ends = (
        "trap 'echo {ready} >> "
        + str(stage.folder / "ends")
        + "; exit' TERM; touch {ready}; while true; do sleep 0.01; done"
    )
    units = (
        stage.unit("store", ends, layer="storage"),
        stage.unit("deaf", DEAF, layer="deaf"),
        stage.unit("service", ends, layer="system"),
    )
    supervisor = Supervisor(units, stage.register, watcher, FAST)
    await supervisor.start()
    processes = [psutil.Process(pid) for unit in units if (pid := supervisor.process_id(unit.name))]
    began = asyncio.get_running_loop().time()
    await supervisor.stop()
    took = asyncio.get_running_loop().time() - began
    assert took < FAST.stop_s + 1.0
    assert [str(stage.folder / f"{name}.ready") for name in ("service", "store")] == (
        stage.folder / "ends"
    ).read_text().split()
    assert [process.is_running() for process in processes] == [False] * 3
    assert stage.register.left_behind() == []


async def test_a_second_wish_ends_everything_at_once(stage: Stage, watcher: Watcher) -> None:
    """While the stop waits for a deaf component, `kill` ends it."""
    patient = Pace(ready_s=10.0, probe_s=0.005, stop_s=600.0)
    supervisor = Supervisor((stage.unit("deaf", DEAF),), stage.register, watcher, patient)
    await supervisor.start()
    stopping = asyncio.create_task(supervisor.stop())
    await asyncio.wait((stopping,), timeout=0.05)
    supervisor.kill()
    async with asyncio.timeout(10.0):
        await stopping
    assert supervisor.process_id("deaf") is None
    assert stage.register.left_behind() == []


async def test_a_log_that_outgrows_its_cap_is_begun_anew_under_its_writer(tmp_path: Path) -> None:
    """One older part is kept; a writer that appends goes on at the start of the empty file."""
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"first\n")
        cap(log, 3)
        writer.write(b"second\n")
    assert log.read_text() == "second\n"
    assert (tmp_path / "a.log.1").read_text() == "first\n"


def test_each_run_begins_its_own_log(tmp_path: Path) -> None:
    """The last lines that are shown of a log are never another run's."""
    log = tmp_path / "a.log"
    log.write_text("former run\n")
    rotate(log)
    assert not log.exists()
    assert (tmp_path / "a.log.1").read_text() == "former run\n"
