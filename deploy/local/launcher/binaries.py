"""Finds the programs inside the wheels that bring them, without importing those packages: they are large."""

import importlib.util
from pathlib import Path

from launcher.problem import LaunchError


def installed(package: str, pattern: str) -> Path:
    """The one file or folder of an installed package that matches the pattern."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = [path for folder in folders for path in Path(folder).glob(pattern)]
    if len(found) != 1:
        raise LaunchError(
            f"The package {package} lacks its {pattern}. `make clean` and the same command again mend it."
        )
    return found[0]
