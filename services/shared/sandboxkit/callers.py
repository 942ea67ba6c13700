"""Who calls, told by the trace that a caller carries: what each wrote, and whose next call is to be held.

Vendors that share a process share this: a caller's next call may go to another of them.
Source: www.w3.org/TR/trace-context, header `traceparent`.
"""

import re
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from starlette.types import Scope

_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_REMEMBERED = 20_000  # writes, and callers who wrote


def trace_of(scope: Scope) -> str:
    """The caller's trace, or "" for one who carries none."""
    told = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    found = _TRACE.fullmatch(told)
    return found[1].decode() if found else ""


def changes(method: str, path: str) -> bool:
    """Whether the request may change something. A token request changes nothing that anybody would miss."""
    return method not in {"GET", "HEAD", "OPTIONS"} and "token" not in path


@dataclass
class Write:
    """A write of a caller. `followed`: the same caller called again afterwards."""

    vendor: str
    trace: str
    method: str
    path: str
    followed: bool = False


class Callers:
    """The callers of one process's vendors."""

    def __init__(self) -> None:
        self._writes: deque[Write] = deque(maxlen=_REMEMBERED)
        self._last: dict[str, Write] = {}
        self._awaited: dict[str, Write] = {}  # by trace

    def came(self, write: Write, *, is_write: bool) -> None:
        """Note the call of *write*'s caller; what is no write only follows one."""
        if (former := self._last.pop(write.trace, None)) is not None:
            former.followed = True
        if is_write and write.trace:
            self._writes.append(write)
            if len(self._last) < _REMEMBERED:
                self._last[write.trace] = write

    def shown(self, vendor: str) -> list[dict[str, Any]]:
        """What was written to that vendor by callers who carry a trace, first to last."""
        return [asdict(write) for write in self._writes if write.vendor == vendor]

    def hold_next(self, write: Write) -> None:
        """The next call of the write's caller is to be held. One without a trace cannot be told from others."""
        if write.trace:
            self._awaited[write.trace] = write

    def awaited(self, trace: str) -> Write | None:
        """The write that this caller's call is held after, if it is to be; asked once, it is not any more."""
        return self._awaited.pop(trace, None)

    def clear(self) -> None:
        """Nobody is waited for any more."""
        self._awaited.clear()
