"""One run per clone: a lock that the system lets go of when its holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.problem import LaunchError


@contextmanager
def only_run(path: Path) -> Iterator[None]:
    """Hold the clone for this process. Raises LaunchError if another one holds it."""
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            sentence = (
                f"Syncline is already running in this clone (process {holder}). "
                "Stop that one with Ctrl-C, or run a second copy from another clone."
            )
            raise LaunchError(sentence) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
