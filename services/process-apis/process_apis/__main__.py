"""Starts process APIs: `python -m process_apis project-onboarding`. Settings: the file that SYNCLINE_SETTINGS names."""

import servicekit.sparing  # noqa: F401  before what it spares

# isort: split

import sys

from process_apis.finding import creator_of, flows, processes
from process_apis.settings import OperationsSettings, ProcessSettings
from servicekit.app import run
from servicekit.migrating import migrate_apart
from servicekit.settings import load

MIGRATIONS = "process_apis:migrations"
USAGE = f"usage: python -m process_apis ({' | '.join(processes())})"


def main(arguments: list[str]) -> int:
    """Run what the first argument names; 2 for an unknown name."""
    match arguments:
        case [name] if name in processes():
            settings = load(ProcessSettings) if name in flows() else load(OperationsSettings)
            service = settings.service
            migrate_apart(service.database_url.reveal(), service.schema, MIGRATIONS)
            run(creator_of(name)(settings), service)
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
