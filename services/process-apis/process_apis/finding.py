"""The processes there are, found by their folders: a new one joins by existing.

A process is a folder with `routes.py` and `app.py`; one with workflows of its own has `workflow.py` too. Its
`scopes.py` says what its API offers, and what it needs of the system layer.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

PACKAGE = "process_apis"
_HERE = Path(__file__).parent


class Scopes(msgspec.Struct, frozen=True, kw_only=True):
    """`offered` are the scopes that the operations of a process ask for; `needed` are those of its own client."""

    offered: tuple[str, ...]
    needed: tuple[str, ...]


def flows() -> tuple[str, ...]:
    """The processes with workflows, as they are called outside: `invoice-release`."""
    return tuple(_named("workflow"))


def processes() -> tuple[str, ...]:
    """All processes: operations among them, whose work is people's."""
    return tuple(_named("routes"))


def folder_of(process: str) -> Path:
    """Where the code of a process is."""
    return _HERE / _package(process)


def scopes_of(process: str) -> Scopes:
    """Raises ModuleNotFoundError for a process without `scopes.py`."""
    found: Scopes = import_module(f"{PACKAGE}.{_package(process)}.scopes").SCOPES
    return found


def creator_of(process: str) -> Callable[..., Any]:
    """What makes the service of a process from its settings."""
    found: Callable[..., Any] = import_module(f"{PACKAGE}.{_package(process)}.app").create_app
    return found


def _named(module: str) -> Iterator[str]:
    for folder in sorted(_HERE.iterdir()):
        if (folder / f"{module}.py").exists():
            yield folder.name.replace("_", "-")


def _package(process: str) -> str:
    return process.replace("-", "_")
