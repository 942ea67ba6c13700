"""A system service's own schema, on a clock that stands still."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.migrate import migrate

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def still_clock() -> SettableClock:
    """Nine o'clock on a Monday, UTC."""
    return SettableClock(NOW)


@pytest.fixture
async def system_database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database with the tables of a system API."""
    migrate(database_url, "system_test", "system_apis:migrations")
    database = Database(database_url, "system_test", pool_size=10)
    yield database
    await database.close()
