"""Child processes that never outlive the launcher, and those of a former run that did."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import psutil

from launcher.vault import write_private

PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Account(msgspec.Struct, frozen=True):
    """The system user that a process runs as, where it may not be root."""

    name: str
    uid: int
    gid: int


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. `stop` asks the program to end in good order; `orphaned` is sent if the launcher is killed."""

    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    account: Account | None = None
    stop: signal.Signals = signal.SIGTERM
    orphaned: signal.Signals = signal.SIGKILL


async def spawn(command: Command, log: Path, *, spoken: bool = False) -> asyncio.subprocess.Process:
    """Start the command in a session of its own (Ctrl-C is for the launcher alone), its output appended to `log`.

    Of a `spoken` one the person sees the output, and only what it says of errors is logged.
    """
    account = command.account
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *command.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None if spoken else output,
            stderr=output,
            cwd=command.folder,
            env=dict(command.environment),
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=end_with_parent(command.orphaned),
        )


def end_with_parent(orphaned: signal.Signals) -> Callable[[], None] | None:
    """What a new process does first: ask the kernel for a signal when its parent dies. Linux only, None elsewhere."""
    if _LIBC is None:
        return None
    prctl, parent = _LIBC.prctl, os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(orphaned), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask


class Running(msgspec.Struct, frozen=True):
    """One process, told by its start time from a later one that got the same number."""

    name: str
    pid: int
    started: float  # seconds since the epoch, as the system tells it

    def process(self) -> psutil.Process | None:
        """The process, if it is this one and still runs."""
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(self.pid)
            if abs(found.create_time() - self.started) < 1.0 and found.status() != psutil.STATUS_ZOMBIE:
                return found
        return None


class Register:
    """The processes of this run, in a file, so that the next run can stop what this one left behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._running: dict[str, Running] = {}

    def add(self, name: str, pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            self._running[name] = Running(name, pid, psutil.Process(pid).create_time())
            self._write()

    def remove(self, name: str) -> None:
        if self._running.pop(name, None) is not None:
            self._write()

    def left_behind(self) -> list[Running]:
        """What a former run started and did not stop. Read it before the first `add`."""
        try:
            listed = msgspec.json.decode(self._path.read_bytes(), type=list[Running])
        except (FileNotFoundError, msgspec.MsgspecError):
            return []
        return [one for one in listed if one.process() is not None]

    def _write(self) -> None:
        write_private(self._path, msgspec.json.encode(list(self._running.values())))


def stop_all(left: Iterable[Running], wait_s: float = 5.0) -> list[str]:
    """Stop processes of a former run: ask, wait, kill. Returns their names."""
    found = [(one.name, process) for one in left if (process := one.process()) is not None]
    for name, process in found:
        with contextlib.suppress(psutil.Error):
            # PostgreSQL waits for its clients on SIGTERM, and ends them on SIGINT
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs([process for _, process in found], timeout=wait_s)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=wait_s)
    return [name for name, _ in found]


# glibc keeps memory apart for each thread, and the services have a dozen threads each: two arenas are enough for them.
_ARENAS = "2"


def environment(inherited: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """A child's environment: the person's own, byte code written, no proxy between processes of this machine."""
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME"}
    kept = {name: value for name, value in inherited.items() if name not in unwanted}
    direct = ",".join(filter(None, (inherited.get("NO_PROXY") or inherited.get("no_proxy"), "127.0.0.1,localhost")))
    set_here = {"NO_PROXY": direct, "no_proxy": direct, "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": _ARENAS}
    return {**kept, **set_here, **more}


def python(*arguments: str) -> tuple[str, ...]:
    """A command line of this environment's Python."""
    return (sys.executable, *arguments)
