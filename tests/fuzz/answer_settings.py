"""What a run of schemathesis is told beside its command line: secrets do not stand there."""

from __future__ import annotations

import msgspec
from callers import Credentials

SETTINGS = "SYNCLINE_FUZZ"  # the environment's name of the file with them


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`secrets` must be in no answer. `tally` is the file that gets a line per answer: its status.

    `behind_the_edge` says that the service itself is called.
    """

    credentials: Credentials
    secrets: tuple[str, ...]
    tally: str
    behind_the_edge: bool
