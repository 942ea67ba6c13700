"""What a person sees: a line per layer when it is ready, one moving line below on a terminal, plain lines elsewhere."""

import asyncio
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TextIO

from launcher import settings
from launcher.supervisor import Unit

_GREEN, _RED, _DIM, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
_CLEAR = "\r\x1b[K"


class Console:
    """Writes to one stream. `live` draws the moving line; colour goes only where it is wanted and to a terminal."""

    def __init__(self, stream: TextIO, *, live: bool | None = None, colour: bool = True) -> None:
        self._stream = stream
        self._live = stream.isatty() if live is None else live
        self._colour = colour and self._live
        self._began = time.monotonic()
        self._waiting: dict[str, str] = {}  # name -> layer, of what is not ready yet
        self._took: dict[str, list[str]] = {}  # layer -> what became ready, with its seconds

    @classmethod
    def of_the_person(cls) -> Self:
        """On standard output, in colour if the person's environment has nothing against it."""
        return cls(sys.stdout, colour=settings.asked().colour)

    def say(self, text: str = "") -> None:
        """One line that stays."""
        self._write((_CLEAR if self._live else "") + text + "\n")

    def expect(self, units: Sequence[Unit]) -> None:
        """What is about to be started."""
        self._began = time.monotonic()
        self._waiting = {unit.name: unit.layer for unit in units}

    def starting(self, unit: Unit) -> None:
        """Nothing is said of a start; the moving line shows what is awaited."""

    def ready(self, unit: Unit, seconds: float) -> None:
        if self._waiting.pop(unit.name, None) is None:
            self.say(f"  {unit.name} is back after {seconds:.1f} s.")
            return
        done = self._took.setdefault(unit.layer, [])
        done.append(f"{unit.name} {seconds:.1f}")
        if unit.layer not in self._waiting.values():
            now = time.monotonic() - self._began
            self.say(f"  {self._green('ready')} {now:5.1f} s  {unit.layer:<11} {self._dim(', '.join(done))}")

    def died(self, unit: Unit, ending: str, pause_s: float) -> None:
        self.say(f"  {self._red(unit.name)} {ending}; it is restarted in {pause_s:.1f} s. Log: {unit.log}")

    def good(self, text: str, *, good: bool) -> str:
        """The text in the colour of a good or a bad result."""
        return self._green(text) if good else self._red(text)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Redraw the moving line until the block is left."""
        if not self._live:
            yield
            return
        drawing = asyncio.get_running_loop().create_task(self._draw())
        try:
            yield
        finally:
            drawing.cancel()
            self._write(_CLEAR)

    async def _draw(self) -> None:
        while True:
            awaited = ", ".join(self._waiting)
            line = f"  start {time.monotonic() - self._began:5.1f} s  waiting for {awaited}"
            self._write(_CLEAR + self._dim(line[: shutil.get_terminal_size().columns - 1]))
            await asyncio.sleep(0.2)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _green(self, text: str) -> str:
        return f"{_GREEN}{text}{_PLAIN}" if self._colour else text

    def _red(self, text: str) -> str:
        return f"{_RED}{text}{_PLAIN}" if self._colour else text

    def _dim(self, text: str) -> str:
        return f"{_DIM}{text}{_PLAIN}" if self._colour else text
