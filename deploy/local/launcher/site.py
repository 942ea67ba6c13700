"""One copy of Syncline on this machine: its places, ports, secrets and database, and the addresses that follow."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from launcher.places import POSTGRES_PORT, Places
from launcher.ports import EDGE, LOOPBACK
from launcher.postgres import SUPERUSER, Postgres
from launcher.vault import Vault

DATABASE = "syncline"


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings and command lines of all components are made from."""

    places: Places
    ports: Mapping[str, int]
    vault: Vault
    postgres: Postgres
    environment: Mapping[str, str]  # what every child process gets

    @property
    def origin(self) -> str:
        """How callers write the edge."""
        return f"http://{LOOPBACK}:{self.ports[EDGE]}"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.places.valkey_socket}"

    def address(self, name: str) -> str:
        """The address of the component, or of one of its further ports, by the port's name."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def database_url(self, role: str, database: str = DATABASE) -> str:
        """The database as that role; its password is made at first use."""
        host = quote(str(self.places.postgres_sockets), safe="")
        password = self.vault.secret(f"database {role}")
        return f"postgresql+psycopg://{role}:{password}@/{database}?host={host}&port={POSTGRES_PORT}"

    def admin_url(self) -> str:
        """The database server as the one role that may make others; only the set-up of the database gets it."""
        return self.database_url(SUPERUSER)
