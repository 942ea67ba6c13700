"""Migrations and roles: histories run once, whoever starts first, and a service reaches nothing but its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from servicekit.database import driver_url
from servicekit.eventlog import FUNCTIONS, HISTORY, SCHEMA
from servicekit.migrate import migrate, provision, script_of

ENV = '"""Environment."""\nfrom servicekit.migrate import run_history\nrun_history()\n'
REVISION = '''"""{number}"""
from alembic import op
from servicekit.answers import create_answers_table
revision = "{number}"
down_revision = {before!r}
def upgrade() -> None:
    {work}
'''
SERVICES = {"psa_service": "psa", "onboarding": ["process", "onboarding_engine"], "release": ["process"]}


@pytest.fixture
def history(tmp_path: Path) -> str:
    """A service's history of two revisions."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(ENV)
    first, second = "create_answers_table(op)", "op.execute('create table notes (id int primary key)')"
    (tmp_path / "versions" / "v1.py").write_text(REVISION.format(number="1", before=None, work=first))
    (tmp_path / "versions" / "v2.py").write_text(REVISION.format(number="2", before="1", work=second))
    return str(tmp_path)


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement))
        return cursor.fetchall() if cursor.description else []


def as_role(url: str, role: str, password: str) -> str:
    return make_url(url).set(username=role, password=password).render_as_string(hide_password=False)


@pytest.fixture
def roles(database_url: str) -> dict[str, str]:
    """The URL of each service's role in a provisioned database."""
    passwords = provision(database_url, SERVICES, passwords={"psa_service": "given"})
    assert "given" == passwords["psa_service"]
    return {role: as_role(database_url, role, password) for role, password in passwords.items()}


def test_a_history_is_run_into_its_schema(database_url: str, history: str) -> None:
    """Schema, tables and version table appear in the one schema; running again changes nothing."""
    migrate(database_url, "psa", history)
    migrate(database_url, "psa", history)
    tables = rows(
        database_url,
        "select relname from pg_class where relnamespace = 'psa'::regnamespace and relkind = 'r' order by 1",
    )
    assert [("alembic_version",), ("answers",), ("notes",)] == tables
    assert [("2",)] == rows(database_url, "select version_num from psa.alembic_version")


def test_services_that_start_together_migrate_once(database_url: str, history: str) -> None:
    """The second waits for the first and finds nothing left to do."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(database_url, "psa", history), range(4)))
    assert [("2",)] == rows(database_url, "select version_num from psa.alembic_version")


def test_a_history_can_be_had_as_a_script(database_url: str) -> None:
    """The script, run by hand into an empty database, is the same as the migration."""
    script = script_of(SCHEMA, HISTORY)
    rows(database_url, "drop schema events cascade")
    rows(database_url, script)
    migrate(database_url, SCHEMA, HISTORY)
    assert [("0002",)] == rows(database_url, "select version_num from events.alembic_version")


def test_a_service_has_its_own_schema(roles: dict[str, str], history: str) -> None:
    """It runs its own migrations and owns what they make."""
    migrate(roles["psa_service"], "psa", history)
    rows(roles["psa_service"], "insert into psa.notes values (1)")
    rows(roles["psa_service"], "alter table psa.notes add text text")
    assert [(1, None)] == rows(roles["psa_service"], "select * from psa.notes")


def test_services_of_a_layer_share_what_they_are_told_to(roles: dict[str, str], history: str) -> None:
    """What one makes in a shared schema the other may use and alter, made by a migration or not."""
    migrate(roles["onboarding"], "process", history)
    rows(roles["release"], "alter table process.notes add text text")
    rows(roles["release"], "create table process.loose (id int)")
    rows(roles["onboarding"], "insert into process.loose values (1)")
    assert [(1,)] == rows(roles["onboarding"], "select * from process.loose")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from psa.anything",
        "create table psa.mine (id int)",
        "create table public.mine (id int)",
        "create schema mine",
        "create temporary table mine (id int)",
        "select * from events.log",
        "insert into events.groups values ('x', 1, now())",
        "select events.prune(now())",
        "select events.announce()",
        "create function events.mine() returns int language sql as 'select 1'",
    ],
)
def test_everything_else_is_closed(roles: dict[str, str], statement: str) -> None:
    """Other services' schemas, the public one and the event log's tables and upkeep."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(roles["release"], statement)


def test_the_event_log_is_open_by_its_functions(roles: dict[str, str]) -> None:
    """Every service appends and reads, without a right on any table."""
    append = "select events.append('1', 's', 't', 'x', now(), null, null, null, null, '{}', now())"
    assert [(1,)] == rows(roles["release"], append)
    assert [("1", 1)] == rows(roles["psa_service"], "select id, sequence from events.read(0, 10)")
    allowed = rows(
        roles["release"],
        "select proname from pg_proc where pronamespace = 'events'::regnamespace"
        " and has_function_privilege(oid, 'execute') order by 1",
    )
    assert sorted(FUNCTIONS) == [row[0] for row in allowed]


def test_provisioning_again_changes_only_passwords(database_url: str, roles: dict[str, str], history: str) -> None:
    """What is there stays; a password that is given stays the same, one that is not is new."""
    migrate(roles["psa_service"], "psa", history)
    again = provision(database_url, SERVICES, passwords={"psa_service": "given"})
    assert "given" == again["psa_service"]
    assert make_url(roles["release"]).password != again["release"]
    assert [("2",)] == rows(roles["psa_service"], "select version_num from psa.alembic_version")
