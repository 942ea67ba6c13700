"""Sets up `.venv` from the lock files, for `make run`, `make test` and `make check`. Standard library only.

Needs nothing but Python 3.11 and a package index, as pip or uv are configured by whoever runs it; none is named here.
A stamp in the environment says for which lock files it is complete; without one the next run begins again.
"""

from __future__ import annotations  # so that an older Python reaches the sentence that names the right one

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Command = Sequence[str | Path]

NEEDED = (3, 11)
CLONE = Path(__file__).resolve().parents[2]
RUN_LOCK, DEV_LOCK, BENCH_LOCK = "requirements.lock", "requirements-dev.lock", "requirements-bench.lock"
INPUTS = ("pyproject.toml", RUN_LOCK, DEV_LOCK, BENCH_LOCK, "deploy/local/bootstrap.lock")
OWN_CODE = ("services", "deploy/local")
STAMP = "syncline.json"

UNREACHED = (
    r"error sending request|dns error|[Cc]onnection refused|NewConnectionError|ConnectTimeout|ReadTimeout"
    r"|[Tt]imed out|name resolution|Network is unreachable|tunnel error|Failed to fetch"
)
# What a failing tool prints, and the sentence it becomes; the first match counts.
SENTENCES = {
    r"No space left on device|Disk quota exceeded": "The disk is full. Free about 1 GB and run the same command again.",
    r"Hash mismatch|DO NOT MATCH THE HASHES": "A downloaded package is not the one that the lock pins.",
    r"Read-only file system|Permission denied|Operation not permitted": "No permission to write in the clone.",
    UNREACHED: "The package index could not be reached. Check the network or the mirror set for pip or uv.",
    r"No module named '?(ensurepip|venv)|ensurepip is not": "This Python has no venv (Debian: python3.11-venv).",
}

# pip's setting -> the variable by which uv understands the same; uv does not read pip's configuration itself.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


class SetupError(Exception):
    """One sentence for the person who ran the command."""


class Stamp(NamedTuple):
    """What is known of an environment. `inputs` is the digest of the files that it was made from."""

    state: str  # "building" | "ready"
    dev: bool
    place: str  # a moved environment does not work: its scripts hold its path
    inputs: str
    bench: bool = False

    @property
    def lock(self) -> str:
        """The lock file that has all of it."""
        return BENCH_LOCK if self.bench else DEV_LOCK if self.dev else RUN_LOCK

    def serves(self, wanted: Stamp) -> bool:
        """Whether an environment with this stamp is good for `wanted`.

        One for tests also runs the services, one for the bench also runs the tests.
        """
        is_same = (self.state, self.place, self.inputs) == (wanted.state, wanted.place, wanted.inputs)
        return is_same and self.dev >= wanted.dev and self.bench >= wanted.bench


class Environment:
    """The virtual environment of one clone."""

    def __init__(self, clone: Path) -> None:
        self.clone, self.venv, self.state = clone, clone / ".venv", clone / ".syncline"
        self.held: int | None = None  # the lock, handed to each tool: one that outlives this process still holds it
        self.python = self.venv / "bin" / "python"
        self.log = self.state / "logs" / "install.log"

    def wanted(self, *, dev: bool, bench: bool = False) -> Stamp:
        digest = hashlib.sha256()
        for name in INPUTS:
            digest.update((self.clone / name).read_bytes())
        return Stamp("ready", dev or bench, str(self.venv), digest.hexdigest(), bench)

    def stamp(self) -> Stamp | None:
        """What the environment says of itself; None when there is none or it is not to be read."""
        try:
            return Stamp(**json.loads((self.venv / STAMP).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write_stamp(self, stamp: Stamp) -> None:
        write_json(self.venv / STAMP, stamp._asdict())

    def is_ready(self, wanted: Stamp) -> bool:
        found = self.stamp()
        return found is not None and found.serves(wanted) and self.python.exists()

    def can_be_kept(self) -> bool:
        """Whether what is there can be brought up to date; else (broken off, moved, another Python) it is made anew."""
        found = self.stamp()
        if found is not None and (found.state != "ready" or found.place != str(self.venv)):
            return False
        probe = f"import sys, pip; sys.exit(sys.version_info[:2] != {NEEDED})"
        try:
            return subprocess.run([self.python, "-c", probe], check=False, capture_output=True).returncode == 0
        except OSError:
            return False

    def set_up(self, wanted: Stamp, base_python: str) -> None:
        """Bring the environment to `wanted`. Broken off anywhere, its stamp says so and the next run repairs it."""
        if not self.can_be_kept():
            self._make(wanted, base_python)
        self.write_stamp(wanted._replace(state="building"))
        lock = self.clone / wanted.lock
        tools = self.clone / "deploy/local/bootstrap.lock"
        pip: Command = [self.python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        uv: Command = [self.venv / "bin" / "uv", "--quiet"]
        self._run("fetching the installer", [*pip, "install", "--quiet", "--require-hashes", "-r", tools])
        sync: Command = [
            *uv,
            "pip",
            "sync",
            "--python",
            self.python,
            "--require-hashes",
            "--compile-bytecode",
            lock,
            tools,
        ]
        self._run("installing the packages", sync, self._mirrors())
        own: Command = [
            *uv,
            "pip",
            "install",
            "--python",
            self.python,
            "--offline",
            "--no-deps",
            "--no-build-isolation",
        ]
        self._run("installing the project", [*own, "-e", self.clone])
        code: Command = [self.clone / name for name in OWN_CODE]
        self._run("compiling its byte code", [self.python, "-m", "compileall", "-q", "-j", "0", *code])
        self.write_stamp(wanted)

    def _make(self, wanted: Stamp, base_python: str) -> None:
        """An empty environment in the place of whatever was there."""
        if self.venv.is_symlink():
            self.venv.unlink()
        shutil.rmtree(self.venv, ignore_errors=True)
        self.venv.mkdir(exist_ok=True)
        self.write_stamp(wanted._replace(state="building"))
        self._run("making the environment", [base_python, "-m", "venv", self.venv])

    def lock(self, *, upgrade: bool) -> None:
        """Pin what pyproject.toml and bootstrap.in allow, with hashes; pins that still fit stay unless upgraded."""
        tools = self.clone / "deploy" / "local"
        runtime, dev = self.clone / RUN_LOCK, self.clone / DEV_LOCK
        options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header"]
        compiled: Command = [self.venv / "bin" / "uv", "--quiet", "pip", "compile", *options, *["--upgrade"] * upgrade]
        mirrors = self._mirrors()
        self._run("pinning what runs", [*compiled, "pyproject.toml", "-o", runtime], mirrors)
        more: Command = ["--extra", "dev", "-c", runtime, "-o", dev]
        self._run("pinning what tests", [*compiled, "pyproject.toml", *more], mirrors)
        peers: Command = ["--extra", "dev", "--extra", "bench", "-c", dev, "-o", self.clone / BENCH_LOCK]
        self._run("pinning what is measured against", [*compiled, "pyproject.toml", *peers], mirrors)
        own: Command = [tools / "bootstrap.in", "-c", dev, "-o", tools / "bootstrap.lock"]
        self._run("pinning the installer", [*compiled, *own], mirrors)

    def _mirrors(self) -> dict[str, str]:
        """Pip's own mirrors, in uv's words; nothing if uv has a configuration of its own."""
        if any(name in os.environ for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE")):
            return {}
        homes = (Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"), Path("/etc"))
        if any((home / "uv" / "uv.toml").exists() for home in homes):
            return {}
        listed = subprocess.run(
            [self.python, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True
        ).stdout
        return uv_settings(listed)

    def _run(self, doing: str, command: Command, mirrors: Mapping[str, str] | None = None) -> None:
        began = time.monotonic()
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"# {doing}\n")
        ran = subprocess.run(
            [str(part) for part in command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.clone,
            env=child_environment(mirrors or {}),
            pass_fds=() if self.held is None else (self.held,),
        )
        with contextlib.suppress(OSError), self.log.open("a", encoding="utf-8") as log:
            log.write(ran.stdout)
        if ran.returncode != 0:
            raise SetupError(sentence(doing, ran.stdout, self.log))
        print(f"  {time.monotonic() - began:5.1f} s  {doing}", flush=True)


def child_environment(mirrors: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, without what would keep byte code from being written or bring in foreign packages."""
    unwanted = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**mirrors, **kept}


def uv_settings(listed: str) -> dict[str, str]:
    """`pip config list` -> uv's variables. A variable of pip's wins over its files, as it does in pip."""
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        match = re.fullmatch(r"(?:global|install|:env:)\.([a-z-]+)=(['\"])(.*)\2", line.strip())
        if match and match[1] in PIP_TO_UV and match[3]:
            found[PIP_TO_UV[match[1]]] = " ".join(match[3].replace("\\n", " ").split())
    if "UV_INDEX" in found:
        # pip takes a package from whichever index has the pinned file, so must uv; the hash says which file that is
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return found


def sentence(doing: str, output: str, log: Path) -> str:
    """What to tell a person about a tool that failed while `doing` something."""
    known = cause(output)
    if known:
        return f"{known} (It happened while {doing}; all that was printed is in {log}.)"
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
    return f"Setting up failed while {doing}: {last} (All that was printed is in {log}.)"


def cause(text: str) -> str:
    """The sentence for what a text says of its cause, or "" if it says nothing that is known."""
    return next((known for pattern, known in SENTENCES.items() if re.search(pattern, text)), "")


def write_json(path: Path, content: object) -> None:
    """Write beside and rename over, so that a reader sees the old file or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


def python_3_11(running: tuple[int, ...] = sys.version_info[:2], path: str | None = None) -> str:
    """The interpreter that makes the environment: the running one if it is a 3.11, else `python3.11` of the path."""
    if running == NEEDED:
        return sys.executable
    found = shutil.which("python3.11", path=path)
    if found is not None:  # it may be a version switcher's stand-in for a Python that is not installed
        probe = f"import sys; sys.exit(sys.version_info[:2] != {NEEDED})"
        if subprocess.run([found, "-c", probe], check=False, capture_output=True).returncode == 0:
            return found
    seen = ".".join(str(part) for part in running)
    raise SetupError(f"Syncline needs Python 3.11, and there is no working python3.11 here (python3 is {seen}).")


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[int]:
    """Hold the set-up of this clone; wait, and say so, while another one is at it. Yields the lock's descriptor."""
    with path.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up of this clone is running; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def set_up(clone: Path, *, dev: bool, bench: bool = False) -> None:
    """Make `.venv` complete, or do nothing if it is; report the seconds in `.syncline/reports/install.json`."""
    began = time.monotonic()
    here = Environment(clone)
    for folder in (here.log.parent, here.state / "reports"):
        folder.mkdir(parents=True, exist_ok=True)
    wanted = here.wanted(dev=dev, bench=bench)
    warm = here.is_ready(wanted)
    if not warm:
        with one_at_a_time(here.state / "install.lock") as here.held:
            if not here.is_ready(wanted):
                print("Setting up the environment.", flush=True)
                here.set_up(wanted, python_3_11())
    seconds = round(time.monotonic() - began, 3)
    write_json(here.state / "reports" / "install.json", {"status": "passed", "seconds": seconds, "warm": warm})
    if not warm:
        print(f"The environment is ready after {seconds:.1f} s.", flush=True)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--dev", action="store_true", help="with the tools for tests and checks")
    asked.add_argument("--bench", action="store_true", help="with those, and with what the bench measures against")
    asked.add_argument("--lock", action="store_true", help="afterwards pin every dependency anew")
    asked.add_argument("--upgrade", action="store_true", help="to the newest versions that are allowed")
    wish = asked.parse_args()
    try:
        set_up(CLONE, dev=wish.dev, bench=wish.bench)
        if wish.lock:
            Environment(CLONE).lock(upgrade=wish.upgrade)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(cause(str(error)) or f"The operating system refused: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the next run takes it up again.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
