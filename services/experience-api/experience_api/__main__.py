"""Starts the experience API: `python -m experience_api`. Settings: the file that SYNCLINE_SETTINGS names."""

import servicekit.sparing  # noqa: F401  before what it spares

# isort: split

from experience_api.app import ExperienceSettings, create_app
from servicekit.app import run
from servicekit.migrating import migrate_apart
from servicekit.settings import load

MIGRATIONS = "experience_api:migrations"


def main() -> None:
    """Run until a signal comes."""
    settings = load(ExperienceSettings)
    migrate_apart(settings.service.database_url.reveal(), settings.service.schema, MIGRATIONS)
    run(create_app(settings), settings.service)


if __name__ == "__main__":
    main()
