"""What goes wrong for the person at the keyboard: one clear sentence, and the log to look into."""

import errno
from pathlib import Path

TAIL_LINES = 12
FULL = "No space left on device"


class LaunchError(Exception):
    """One sentence for a person. `log` names the file that holds more; its last lines are shown below the sentence."""

    def __init__(self, sentence: str, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.sentence, self.log = sentence, log

    def explained(self) -> str:
        """The sentence, and what the log says of its cause where that is plain."""
        if self.log is not None and any(FULL in line for line in tail(self.log)):
            return f"{self.sentence} The disk is full: free some space and run the same command again."
        return self.sentence

    def told(self) -> str:
        """What the person reads: the sentence, the log's name and its last lines."""
        if self.log is None:
            return self.sentence
        lines = tail(self.log)
        if not lines:
            return f"{self.explained()} Its log {self.log} is empty."
        return "\n".join([f"{self.explained()} The last lines of {self.log}:", *(f"    {line}" for line in lines)])


def tail(log: Path, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log, without reading all of it; empty if there is none."""
    try:
        with log.open("rb") as opened:
            opened.seek(max(0, log.stat().st_size - 64 * 1024))
            text = opened.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def from_system(error: OSError) -> LaunchError:
    """What an error of the operating system means for the person."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return LaunchError(f"The disk is full{where}. Free some space and run the same command again.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return LaunchError(f"No permission to write here{where}. Give this user write access to the clone.")
    if error.errno == errno.ENOENT:
        return LaunchError(f"A file is missing{where}. `make clean` and the same command again put it back.")
    return LaunchError(f"The operating system refused: {error.strerror or error}{where}.")
