"""Brings schemas up to date and gives each service a role that can reach its own schema and nothing else."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psycopg
from alembic import command, context
from alembic.config import Config
from psycopg import sql
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from servicekit.database import driver_url
from servicekit.eventlog import FUNCTIONS, HISTORY, SCHEMA
from servicekit.leases import lock_key


def migrate(url: str, schema: str, script_location: str) -> None:
    """Runs one Alembic history up to its head, in *schema*, which is made if missing. Blocks; safe to call from many.

    *script_location* is a folder or `package:folder/in/package`; its `env.py` calls `run_history()` and nothing else.
    """
    with _connected(url) as connection, _alone(connection, schema):
        _enter(connection, schema)
        config = _config(script_location, schema)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def script_of(schema: str, script_location: str) -> str:
    """The SQL that `migrate` would run on an empty schema, to be read or run by hand. Needs no database."""
    config = _config(script_location, schema)
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def run_history() -> None:
    """What each history's `env.py` calls."""
    schema = context.config.attributes["schema"]
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True, version_table_schema=schema)
        context.execute(f'create schema if not exists "{schema}"')
        context.execute(f'set search_path = "{schema}"')
    else:
        connection: Connection = context.config.attributes["connection"]
        context.configure(connection=connection, version_table_schema=schema, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def provision(
    admin_url: str, services: Mapping[str, str | Sequence[str]], *, passwords: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Makes a role per service that owns its schema or schemas and may call the event log. Returns role -> password.

    Each schema belongs to a role of its own, `<schema>_owner`, of which the services that use it are members; what one
    of them makes there, the others may use. A role without an entry in *passwords* gets a new password on every call.
    Nothing is open to the public. Also brings the schema `events` up to date. Safe to repeat. Blocks.
    """
    chosen = {role: (passwords or {}).get(role) or secrets.token_urlsafe(32) for role in services}
    owned = {role: [named] if isinstance(named, str) else list(named) for role, named in services.items()}
    with psycopg.connect(driver_url(admin_url), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (lock_key("provision"),))
        _close_to_public(connection)
        for schema in {SCHEMA}.union(*owned.values()):
            _own_schema(connection, schema)
        for role, password in chosen.items():
            _make_role(connection, role, password)
        for role, schemas in owned.items():
            for schema in schemas:
                _share_schema(connection, role, schema)
        for schema in {SCHEMA}.union(*owned.values()):
            _hand_over(connection, schema)
    migrate(admin_url, SCHEMA, HISTORY)
    with psycopg.connect(driver_url(admin_url), autocommit=True) as connection:
        for role in services:
            _open_event_log(connection, role)
    return chosen


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _alone(connection: Connection, schema: str) -> Iterator[None]:
    """Waits until nobody else migrates *schema*. A session lock: a history may commit as it goes."""
    key = {"key": lock_key(f"migrate:{schema}")}
    connection.execute(text("select pg_advisory_lock(:key)"), key)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("select pg_advisory_unlock(:key)"), key)
        connection.commit()


def _enter(connection: Connection, schema: str) -> None:
    """Makes *schema* if missing, acts as its owner (so that all who share it own what is made) and works in it."""
    found = text("select nspowner::regrole::text from pg_namespace where nspname = :schema")
    owner = connection.execute(found, {"schema": schema}).scalar_one_or_none()
    if owner is None:
        connection.execute(text(f'create schema "{schema}"'))
    else:
        connection.execute(text(f"set role {owner}"))
    connection.execute(text(f'set search_path = "{schema}"'))
    connection.commit()


def _config(script_location: str, schema: str) -> Config:
    config = Config()
    config.set_main_option("script_location", script_location.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["schema"] = schema
    return config


def _close_to_public(connection: psycopg.Connection) -> None:
    row = connection.execute("select current_database()").fetchone()
    assert row is not None
    _run(connection, "revoke all on database {} from public", row[0])
    _run(connection, "revoke all on schema public from public")


def _own_schema(connection: psycopg.Connection, schema: str) -> None:
    owner = f"{schema}_owner"
    _make_role(connection, owner, None)
    _run(connection, "grant {} to current_user", owner)
    _run(connection, "create schema if not exists {} authorization {}", schema, owner)
    _run(connection, "alter schema {} owner to {}", schema, owner)
    _run(connection, "alter default privileges for role {} revoke execute on functions from public", owner)


def _make_role(connection: psycopg.Connection, role: str, password: str | None) -> None:
    if connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is None:
        # Roles are the server's: another of its databases may be provisioned at the same moment.
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            _run(connection, "create role {}", role)
    if password is not None:
        statement = sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(password))
        connection.execute(statement)
        database = connection.info.dbname
        _run(connection, "grant connect on database {} to {}", database, role)


def _share_schema(connection: psycopg.Connection, role: str, schema: str) -> None:
    owner = f"{schema}_owner"
    _run(connection, "grant {} to {}", owner, role)
    _run(connection, "grant {} to current_user", role)
    for things in ("tables", "sequences", "functions"):
        grant = f"alter default privileges for role {{}} in schema {{}} grant all on {things} to {{}}"
        _run(connection, grant, role, schema, owner)


def _hand_over(connection: psycopg.Connection, schema: str) -> None:
    """What was made in *schema* by others, before it had its owner or outside of a migration, becomes the owner's."""
    found = connection.execute(
        """
        select 'table', oid::regclass::text from pg_class
            where relnamespace = %(schema)s::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
                and pg_get_userbyid(relowner) <> %(owner)s
        union all
        select 'routine', oid::regprocedure::text from pg_proc
            where pronamespace = %(schema)s::regnamespace and pg_get_userbyid(proowner) <> %(owner)s
        """,
        {"schema": sql.Identifier(schema).as_string(), "owner": f"{schema}_owner"},
    )
    for kind, name in found.fetchall():
        connection.execute(f"alter {kind} {name} owner to {sql.Identifier(f'{schema}_owner').as_string()}")


def _open_event_log(connection: psycopg.Connection, role: str) -> None:
    _run(connection, "grant usage on schema {} to {}", SCHEMA, role)
    for function in FUNCTIONS:
        _run(connection, "grant execute on function {}.{} to {}", SCHEMA, function, role)


def _run(connection: psycopg.Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
