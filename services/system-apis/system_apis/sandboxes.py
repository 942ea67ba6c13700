"""Serves the sandboxes of all vendors in one process, a port each: the embedded default's outside world."""

import importlib
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from starlette.types import ASGIApp

from sandboxkit.app import Context
from sandboxkit.callers import Callers
from sandboxkit.server import serve
from sandboxkit.store import Store
from servicekit import logs
from servicekit.settings import Secret, load


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sandbox: its vendor as `<capability>.<vendor>`, its port, and what it accepts (credentials, accounts)."""

    vendor: str
    port: int
    config: dict[str, Any]


class SandboxesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All sandboxes of the process. `folder` keeps a SQLite file for each."""

    folder: str
    control_key: Secret
    sandboxes: tuple[SandboxSettings, ...]
    host: str = "127.0.0.1"


def serve_sandboxes() -> None:
    """Serve until a signal comes."""
    settings = load(SandboxesSettings)
    logs.configure(service="sandboxes")
    callers = Callers()
    apps = {chosen.port: sandbox_app(chosen, settings, callers) for chosen in settings.sandboxes}
    uvloop.run(serve(apps, settings.host))


def sandbox_app(chosen: SandboxSettings, settings: SandboxesSettings, callers: Callers) -> ASGIApp:
    """The application of one vendor's sandbox, its state in the settings' folder."""
    module = importlib.import_module(f"system_apis.{chosen.vendor}.sandbox")
    context = Context(
        store=Store(Path(settings.folder) / f"{chosen.vendor}.sqlite"),
        control_key=settings.control_key.reveal(),
        base_url=f"http://{settings.host}:{chosen.port}",
        config=chosen.config,
        callers=callers,
    )
    app: ASGIApp = module.create_sandbox_app(context)
    return app
