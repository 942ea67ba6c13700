"""A service's own schema in PostgreSQL: one pool, short transactions, failures that say whether trying again helps."""

from __future__ import annotations

import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from servicekit.failures import Failure, Kind

CONNECT_TIMEOUT_S = 5
POOL_WAIT_S = 10
# A frozen service must not keep row locks for ever; no transaction of ours waits this long between two statements.
IDLE_IN_TRANSACTION_S = 60
#: Codes of the failures that are the database's: what was done elsewhere before one of them is not undone by it.
DATABASE_CODES = frozenset({"database_busy", "database_collision", "database_unavailable", "database_commit_lost"})


def driver_url(url: str) -> str:
    """The same database in the form the driver itself takes: `postgresql://...` without `+psycopg`."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """The tables of one schema. Owns the connection pool; `schema` is first on every connection's search path."""

    def __init__(self, url: str, schema: str, *, pool_size: int = 5) -> None:
        self.url = url
        self.schema = schema
        self.engine: AsyncEngine = create_async_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_S,
            isolation_level="READ COMMITTED",
            hide_parameters=True,  # what a statement was given is business, and not for a log
            json_serializer=_to_json,
            json_deserializer=msgspec.json.decode,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": f"syncline {schema}",
                "options": f'-c search_path="{schema}" -c timezone=UTC '
                f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_S}s",
            },
        )

        event.listen(self.engine.sync_engine, "checkout", _still_there)
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")  # shares the pool

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """For statements that are each a transaction by itself, and bear a repeat.

        Such a one goes to the database and back once, in `begin` three times. UNAVAILABLE: what was sent when the
        connection broke may have been kept.
        """
        async with _translated():
            connection = await self._alone.connect()
            try:
                yield connection
            finally:
                await connection.close()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose work is rolled back unless it commits. UNAVAILABLE when the database cannot be reached."""
        async with _translated():
            connection = await self.engine.connect()
            try:
                yield connection
            finally:
                await connection.close()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, rolled back on any exception.

        UNAVAILABLE: nothing was kept (not reached, lost half-way, deadlock). IN_DOUBT: the connection broke at commit.
        """
        async with self.connect() as connection:
            yield connection
            try:
                await connection.commit()
            except DBAPIError as error:
                if error.connection_invalidated:
                    detail = "the database connection broke while the work was being committed"
                    raise Failure(
                        Kind.IN_DOUBT, detail, code="database_commit_lost", vendor_detail=_first_line(error)
                    ) from error
                raise

    async def ready(self) -> bool:
        """Whether the database answers. UNAVAILABLE when it does not."""
        async with self.connect() as connection:
            return bool((await connection.execute(text("select true"))).scalar_one())

    async def close(self) -> None:
        await self.engine.dispose()


def _still_there(connection: Any, _record: object, _proxy: object) -> None:
    """Nothing comes on a connection that lies idle but its end: then another is taken.

    To ask the database instead, as the pool would by itself, costs a round trip for each transaction.
    """
    looking = select.poll()  # unlike `select`, it bears descriptors beyond 1023
    looking.register(connection.driver_connection.pgconn.socket, select.POLLIN)
    if looking.poll(0):
        raise DisconnectionError


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise Failure(Kind.UNAVAILABLE, "all database connections are in use", code="database_busy") from error
    except DBAPIError as error:
        if failure := _failure_of(error):
            raise failure from error
        raise


def _failure_of(error: DBAPIError) -> Failure | None:
    """What a caller may try again; everything else is a bug or the business of whoever ran the statement."""
    if isinstance(error.orig, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure):
        detail = "the work collided with other work on the same records"
        return Failure(Kind.UNAVAILABLE, detail, code="database_collision", vendor_detail=_first_line(error))
    unreached = isinstance(error.orig, psycopg.OperationalError) and error.orig.sqlstate is None
    if error.connection_invalidated or unreached or isinstance(error.orig, psycopg.errors.CannotConnectNow):
        detail = "the database cannot be reached"
        return Failure(Kind.UNAVAILABLE, detail, code="database_unavailable", vendor_detail=_first_line(error))
    return None


def _first_line(error: DBAPIError) -> str:
    """The driver's own message without the statement and its parameters, which may be personal data."""
    return str(error.orig).partition("\n")[0]


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
