"""Starts process APIs: `python -m process_apis project-onboarding`. Settings: the file that SYNCLINE_SETTINGS names."""

import servicekit.sparing  # noqa: F401  before what it spares

# isort: split

import sys

from process_apis.invoice_release.app import create_app as invoice_release
from process_apis.operations.app import create_app as operations
from process_apis.project_onboarding.app import create_app as project_onboarding
from process_apis.revenue_recognition.app import create_app as revenue_recognition
from process_apis.settings import OperationsSettings, ProcessSettings
from servicekit.app import run
from servicekit.migrating import migrate_apart
from servicekit.settings import ServiceSettings, load

MIGRATIONS = "process_apis:migrations"
FLOWS = {
    "project-onboarding": project_onboarding,
    "invoice-release": invoice_release,
    "revenue-recognition": revenue_recognition,
}
USAGE = f"usage: python -m process_apis ({' | '.join([*FLOWS, 'operations'])})"


def main(arguments: list[str]) -> int:
    """Run what the first argument names; 2 for an unknown name."""
    match arguments:
        case [flow] if flow in FLOWS:
            settings = load(ProcessSettings)
            _migrated(settings.service)
            run(FLOWS[flow](settings), settings.service)
        case ["operations"]:
            chosen = load(OperationsSettings)
            _migrated(chosen.service)
            run(operations(chosen), chosen.service)
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2
    return 0


def _migrated(service: ServiceSettings) -> None:
    migrate_apart(service.database_url.reveal(), service.schema, MIGRATIONS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
