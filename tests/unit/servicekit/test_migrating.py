"""Migration in a child of its own."""

import pytest

from servicekit.migrating import migrate_apart


def test_a_history_that_cannot_be_run_stops_the_start() -> None:
    """The child's failure is the program's: no service starts on an old schema."""
    with pytest.raises(RuntimeError, match="the schema system_crm could not be brought up to date"):
        migrate_apart("postgresql+psycopg://nobody@/none?host=/nowhere", "system_crm", "system_apis:migrations")
