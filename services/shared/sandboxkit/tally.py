"""How often a vendor was asked what: its requests counted by method and by path, with the ids taken out of it."""

import re
from collections import Counter

_VERSION = re.compile(r"v\d+(\.\d+)?")
_BRACKETED = re.compile(r"\([^)]*\)")


class Tally:
    """The requests since the sandbox was started, whatever became of them. Kept in memory: it is nobody's record."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, method: str, path: str) -> None:
        self._counts[f"{method} {pattern(path)}"] += 1

    def shown(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))


def pattern(path: str) -> str:
    """`/v1/invoices/in_9` is `/v1/invoices/{id}`, `/companies(5)/customers` is `/companies()/customers`."""
    return "/".join(_step(step) for step in path.split("/"))


def _step(step: str) -> str:
    """A version says which API it is; any other step with a digit in it is somebody's id."""
    named = _BRACKETED.sub("()", step)
    if named != step or _VERSION.fullmatch(step):
        return named
    return "{id}" if any(sign.isdigit() for sign in step) else step
