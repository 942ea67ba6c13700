"""Free ports: each name keeps its port from run to run, unless somebody else has taken it meanwhile."""

import fcntl
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from launcher.problem import LaunchError
from launcher.vault import write_private

LOOPBACK = "127.0.0.1"
EDGE = "edge"
EDGE_PORT = 8080  # the first choice; the next free one is taken beside it
# below the range that systems give to outgoing connections, so that no connection of ours sits on a port of ours
FIRST, LAST = 20_000, 29_999


def is_free(port: int) -> bool:
    """Whether a server could listen on that port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Claims:
    """The ports that one run has set aside.

    Its services listen only seconds later: two runs that start at once would find the same ports free. Each claim is a
    lock on a file in a folder of all runs of this user; the system lets go of it at the latest when its holder dies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = ExitStack()

    def take(self, port: int) -> bool:
        """Set the port aside. False if a program listens on it, or another run has taken it."""
        if not is_free(port):
            return False
        lock = (self._folder / str(port)).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._held.enter_context(lock)
        return True

    def release(self) -> None:
        """Let go of all of them."""
        self._held.close()


def assign(
    names: Sequence[str],
    remembered: Path,
    *,
    start: int,
    forced_edge: int | None = None,
    free: Callable[[int], bool] = is_free,
) -> dict[str, int]:
    """A port for each name: its former one, or the next free one from `start` on. Raises if the forced one is taken."""
    former = _read(remembered)
    taken: set[int] = set()
    ports: dict[str, int] = {}
    for name in (EDGE, *names):
        wished = [forced_edge] if name == EDGE and forced_edge else [former[name]] if name in former else []
        more = () if wished and wished[0] == forced_edge else _candidates(name, start)
        port = next((port for port in (*wished, *more) if port not in taken and free(port)), None)
        if port is None:
            raise LaunchError(_taken(forced_edge))
        ports[name] = port
        taken.add(port)
    write_private(remembered, msgspec.json.format(msgspec.json.encode({**former, **ports})))
    return ports


def _candidates(name: str, start: int) -> Iterator[int]:
    if name == EDGE:
        yield from range(EDGE_PORT, EDGE_PORT + 100)
    span = LAST - FIRST + 1
    yield from (FIRST + (start + step) % span for step in range(span))


def _taken(forced: int | None) -> str:
    if forced is None:
        return f"There is no free port between {FIRST} and {LAST}."
    return f"Port {forced}, asked for by SYNCLINE_PORT, is taken by another program. Stop it or choose another port."


def _read(remembered: Path) -> dict[str, int]:
    try:
        return msgspec.json.decode(remembered.read_bytes(), type=dict[str, int])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}
