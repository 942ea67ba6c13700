"""Makes the database, its roles and schemas, then ends: a task of its own, so that the launcher stays small."""

import sys
from collections.abc import Mapping

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import make_url

from launcher.site import DATABASE
from process_apis.engine.runtime import prepare
from servicekit.database import driver_url
from servicekit.migrate import provision
from servicekit.settings import Secret, load


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there shall be. Safe to repeat: what is there stays."""

    admin_url: Secret
    schemas: Mapping[str, list[str]]  # role -> the schemas it works in
    passwords: Mapping[str, Secret]  # role -> its password
    engines: Mapping[str, str] = {}  # role -> the schema of its workflow engine


def set_up(settings: DatabaseSettings) -> None:
    """Create what is missing: the database, then roles and schemas, the event log and the engines' tables in it."""
    url = settings.admin_url.reveal()
    passwords = {role: secret.reveal() for role, secret in settings.passwords.items()}
    _create_database(url)
    provision(url, settings.schemas, passwords=passwords)
    for role, schema in settings.engines.items():
        own = make_url(url).set(username=role, password=passwords[role])
        prepare(own.render_as_string(hide_password=False), schema)


def _create_database(url: str) -> None:
    server = make_url(url).set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(driver_url(server), autocommit=True) as connection:
        found = connection.execute("select from pg_database where datname = %s", (DATABASE,)).fetchone()
        if found is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


if __name__ == "__main__":
    set_up(load(DatabaseSettings))
    sys.exit(0)
