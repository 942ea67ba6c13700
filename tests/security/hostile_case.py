"""A hostile case as data: what is sent, in words and as code, and the one answer that is right."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from attacking import Answer, Attacker

CLOSED = 0  # the status where the edge hangs up without a word

Send = Callable[[Attacker], Awaitable[Answer]]
Look = Callable[[Attacker], Awaitable[object]]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What must be the same after the case as before it: its name, and how it is looked at."""

    what: str
    look: Look


async def _traces(attacker: Attacker) -> object:
    return attacker.traces()


NOTHING_KEPT = Watch(what="nothing is kept in the caller's name", look=_traces)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is empty where the answer is no problem; `pointer` is the one place that the problem must name.

    `traced` is false where the edge could not read the request, and so could not number it.
    """

    name: str
    group: str
    sent: str
    status: int
    code: str = ""
    send: Send
    pointer: str = ""
    traced: bool = True
    unchanged: Watch = NOTHING_KEPT
    late: bool = False  # takes long: run last
