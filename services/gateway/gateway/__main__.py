"""Starts the gateway's programs: `python -m gateway portal | docs | compile | edge | hash`; `issuer` is the portal."""

import servicekit.sparing  # noqa: F401  before what it spares

# isort: split

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import uvicorn

from gateway.compiler import Published, publish
from gateway.compiler.publish import command
from gateway.contracts import read_contracts
from gateway.issuer import hashed
from gateway.portal import create_portal
from gateway.settings import EdgeSettings, PortalSettings
from servicekit import logs
from servicekit.clock import clock_of
from servicekit.failures import Failure
from servicekit.settings import SettingsError, load

KEEP_ALIVE_S = 5  # longer than the edge keeps an idle connection (Topology.upstream_idle_s)


def main(arguments: list[str]) -> int:
    """The exit status: 0, 1 when something is wrong with settings or contracts, 2 for an unknown program."""
    program = PROGRAMS.get(arguments[0] if len(arguments) == 1 else "")
    if program is None:
        sys.stderr.write(f"usage: python -m gateway {' | '.join(PROGRAMS)}\n")
        return 2
    try:
        program()
    except (Failure, SettingsError) as error:
        sys.stderr.write(f"{error}\n{getattr(error, 'vendor_detail', '')}")
        return 1
    return 0


def serve_portal() -> None:
    """Issuer, documentation and discovery."""
    _serve(load(PortalSettings))


def serve_docs() -> None:
    """Documentation and discovery, where another issuer is in use."""
    _serve(msgspec.structs.replace(load(PortalSettings), issuing=None))


def compile_edge() -> None:
    """Writes the edge's files; a running Envoy takes them over."""
    result = _compiled(load(EdgeSettings))
    sys.stdout.buffer.write(
        msgspec.json.encode(
            {"operations": result.operations, "left_out": result.left_out, "restart_needed": result.restart_needed}
        )
        + b"\n"
    )


def run_edge() -> None:
    """Writes the edge's files and becomes Envoy: the process id stays."""
    settings = load(EdgeSettings)
    program = command(_compiled(settings).bootstrap, _binary(settings), settings.workers)
    os.execv(program[0], program)  # noqa: S606  a fixed program, no shell


def hash_secret() -> None:
    """Reads a secret from standard input and writes its hash, for a settings file."""
    sys.stdout.write(hashed(sys.stdin.read().rstrip("\n")) + "\n")


PROGRAMS: Mapping[str, Callable[[], None]] = {
    "portal": serve_portal,
    "issuer": serve_portal,
    "docs": serve_docs,
    "compile": compile_edge,
    "edge": run_edge,
    "hash": hash_secret,
}


def _serve(settings: PortalSettings) -> None:
    logs.configure(service=settings.name, level=settings.log_level)
    logging.getLogger("authlib").setLevel(logging.INFO)  # at debug it writes the tokens that it issues
    app = create_portal(settings, clock_of(settings.clock_file))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )


def _compiled(settings: EdgeSettings) -> Published:
    contracts = read_contracts(Path(settings.contracts))
    return asyncio.run(publish(contracts, settings.topology, Path(settings.folder), _binary(settings)))


def _binary(settings: EdgeSettings) -> Path | None:
    return Path(settings.binary) if settings.binary else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
