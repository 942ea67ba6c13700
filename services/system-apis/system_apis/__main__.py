"""Starts system APIs: `python -m system_apis crm`, or several in one process, or the vendors' sandboxes.

Settings come from the file that SYNCLINE_SETTINGS names.
"""

import servicekit.sparing  # noqa: F401  before what it spares

# isort: split

import importlib
import sys

from servicekit.app import run
from servicekit.migrating import migrate_apart
from servicekit.settings import load
from system_apis.service import MIGRATIONS, SystemSettings

CAPABILITIES = ("crm", "psa", "hr", "billing", "erp", "identity")
USAGE = f"usage: python -m system_apis ({' | '.join(CAPABILITIES)} | sandboxes)"


def main(arguments: list[str]) -> int:
    """Run what the first argument names; 2 for an unknown name."""
    match arguments:
        case ["sandboxes"]:
            importlib.import_module("system_apis.sandboxes").serve_sandboxes()  # no service has use for its tools
        case [name] if name in CAPABILITIES:
            settings = load(SystemSettings)
            service = settings.service
            migrate_apart(service.database_url.reveal(), service.schema, MIGRATIONS)
            run(importlib.import_module(f"system_apis.{name}.app").create_app(settings), service)
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
