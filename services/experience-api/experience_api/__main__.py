"""Starts the experience API: `python -m experience_api`. Settings: the file that SYNCLINE_SETTINGS names."""

from experience_api.app import ExperienceSettings, create_app
from servicekit.app import run
from servicekit.migrate import migrate
from servicekit.settings import load

MIGRATIONS = "experience_api:migrations"


def main() -> None:
    """Run until a signal comes."""
    settings = load(ExperienceSettings)
    migrate(settings.service.database_url.reveal(), settings.service.schema, MIGRATIONS)
    run(create_app(settings), settings.service)


if __name__ == "__main__":
    main()
