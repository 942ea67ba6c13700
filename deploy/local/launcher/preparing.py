"""Makes a copy ready to start: its folders, ports, secrets and database cluster."""

import asyncio
import shutil

from launcher import components, places, ports, postgres
from launcher.places import Places
from launcher.ports import Claims
from launcher.processes import environment
from launcher.settings import Asked
from launcher.site import Site
from launcher.vault import Vault


async def prepare(here: Places, asked: Asked, claims: Claims, *, fresh: bool) -> Site:
    """The site, with a database cluster that was never started or is as it was left. Its ports are in *claims*.

    *fresh* drops the database, the queue and the sandboxes' stores first; secrets and ports stay. Its clock is the
    machine's again, whatever the last run had rehearsed.
    """
    here.clock.unlink(missing_ok=True)
    server = await asyncio.to_thread(postgres.prepare, here)
    if fresh:
        for folder in (server.data, here.valkey, here.sandboxes):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        here.make()
    assigned = ports.assign(
        components.ports(),
        here.state / "ports.json",
        start=int(places.mark(here.clone), 16),
        forced_edge=asked.port,
        free=claims.take,
    )
    site = Site(
        places=here,
        ports=assigned,
        vault=Vault(here.secrets),
        postgres=server,
        environment=environment(asked.variables, {}),
    )
    password = site.vault.secret(f"database {postgres.SUPERUSER}")
    await postgres.initialise(server, here, password, site.environment)
    return site
