"""Where one copy of Syncline keeps its things: state in the clone, sockets in a short private folder of the system."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

import msgspec

from launcher.problem import LaunchError

# sun_path holds 108 bytes on Linux and 104 elsewhere, the closing zero included
LONGEST_SOCKET = 103
POSTGRES_PORT = 5432  # names PostgreSQL's socket; nothing listens on a port of that number
_POSTGRES_SOCKET = f".s.PGSQL.{POSTGRES_PORT}"


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The folders of one copy. `sockets` is short, whatever the clone's path is."""

    clone: Path
    sockets: Path

    @property
    def state(self) -> Path:
        return self.clone / ".syncline"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def reports(self) -> Path:
        return self.state / "reports"

    @property
    def settings(self) -> Path:
        return self.state / "settings"

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    @property
    def edge(self) -> Path:
        """What the gateway compiles for Envoy."""
        return self.state / "edge"

    @property
    def sandboxes(self) -> Path:
        """The sandboxes' stores."""
        return self.state / "sandboxes"

    @property
    def clock(self) -> Path:
        """The seconds by which this copy's clock is moved, for all its services; no file: by none."""
        return self.state / "clock"

    @property
    def valkey(self) -> Path:
        return self.state / "valkey"

    @property
    def postgres_sockets(self) -> Path:
        return self.sockets / "pg"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey" / "valkey.sock"

    @property
    def claims(self) -> Path:
        """Which of this user's runs has which port: it is shared by all copies, so it is beside this one's sockets."""
        return self.sockets.parent / f"syncline-ports-{os.geteuid()}"

    @property
    def owned(self) -> tuple[Path, ...]:
        """What `make clean` removes: all of it can be made again, and the demo's data go with it."""
        return (self.state, self.sockets)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create what is missing. Secrets, settings and databases are for this user alone."""
        for folder in (self.state, self.logs, self.reports):
            folder.mkdir(exist_ok=True)
        for folder in (self.secrets, self.settings, self.edge, self.sandboxes, self.valkey):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        for folder in (self.postgres_sockets, self.valkey_socket.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        _own(self.claims)


def mark(clone: Path) -> str:
    """What tells this user's copy in this folder from every other one."""
    return hashlib.sha256(f"{os.geteuid()}:{clone}".encode()).hexdigest()[:10]


def find(clone: Path, roots: tuple[Path, ...] | None = None) -> Places:
    """The places of the copy in `clone`. Its folder for sockets is below the first of `roots` that is short enough."""
    clone = clone.resolve()
    for root in roots or (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - made private below
        places = Places(clone=clone, sockets=root / f"syncline-{mark(clone)}")
        if longest_socket(places) <= LONGEST_SOCKET and root.is_dir():
            _own(places.sockets)
            return places
    raise LaunchError("There is no folder for sockets with a short enough path; set TMPDIR to one below 60 characters.")


def longest_socket(places: Places) -> int:
    """Bytes of the longest socket path of this copy."""
    return max(len(os.fsencode(path)) for path in (places.postgres_sockets / _POSTGRES_SOCKET, places.valkey_socket))


def _own(folder: Path) -> None:
    """Make `folder` ours. Others may pass through it only when root runs us: the database's user must reach its own."""
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
        raise LaunchError(f"{folder} belongs to somebody else. Remove it, or set TMPDIR to a folder of your own.")
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
