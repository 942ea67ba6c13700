"""Every API of Syncline and the file that is its law. Found, not listed: a new one joins by existing."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import system_apis
from experience_api.app import ExperienceSettings
from experience_api.app import create_app as create_experience
from process_apis.engine.runtime import EngineSettings
from process_apis.finding import creator_of, flows, processes
from process_apis.settings import OperationsSettings, ProcessSettings
from process_apis.systems.connecting import SystemAddresses
from servicekit.app import Service
from servicekit.settings import Secret, ServiceSettings
from system_apis.service import SystemSettings

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
NOBODY = "http://127.0.0.1:1"


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """One API: its layer, its name, its contract file and the application that must equal it."""

    layer: str
    name: str
    app: Service

    @property
    def file(self) -> Path:
        return CONTRACTS / "openapi" / self.layer / f"{self.name}.v1.yaml"


def every_api() -> Iterator[Api]:
    """Built without opening anything: only their documents are asked for."""
    for name in _packages(system_apis, "port"):
        settings = SystemSettings(service=_service(f"system-{name}", "system"), cursor_key=_KEY, connections={})
        app = importlib.import_module(f"system_apis.{name}.app").create_app(settings)
        yield Api(layer="system", name=name, app=app)
    for name in processes():
        wanted: Any = ProcessSettings if name in flows() else OperationsSettings
        more: dict[str, Any] = {"engine": _ENGINE, "systems": _SYSTEMS} if name in flows() else {}
        app = creator_of(name)(wanted(service=_service(f"process-{name}", "process"), cursor_key=_KEY, **more))
        yield Api(layer="process", name=name, app=app)
    experience = create_experience(ExperienceSettings(service=_service("experience", "experience"), processes={}))
    yield Api(layer="experience", name="experience", app=experience)


def scopes_of(contract: dict[str, Any]) -> set[str]:
    """Every scope that an operation of the contract asks for."""
    operations = [one for path in contract["paths"].values() for one in path.values() if isinstance(one, dict)]
    asked = [one for operation in operations for one in operation.get("security", ())]
    return {scope for requirement in asked for scopes in requirement.values() for scope in scopes}


_KEY = Secret("contract-tests-need-no-real-key-32")
_ENGINE = EngineSettings(schema="engine")
_SYSTEMS = SystemAddresses(**dict.fromkeys(("crm", "psa", "hr", "billing", "erp", "identity"), NOBODY))


def _packages(parent: Any, holding: str) -> list[str]:
    """The packages directly in *parent* that have an app and a module called *holding*."""
    found = [module.name for module in pkgutil.iter_modules(parent.__path__) if module.ispkg]
    folder = Path(parent.__path__[0])
    return [
        name for name in found if (folder / name / "app.py").exists() and (folder / name / f"{holding}.py").exists()
    ]


def _service(name: str, layer: str) -> ServiceSettings:
    return ServiceSettings(
        name=name,
        layer=layer,
        port=1,
        issuer=NOBODY,
        audience=f"syncline-{layer}",
        client_id=name,
        client_secret=_KEY,
        database_url=Secret("postgresql+psycopg://nobody@127.0.0.1:1/none"),
        schema="none",
        redis_url="redis://127.0.0.1:1",
    )
