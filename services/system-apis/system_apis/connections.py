"""The connections of a capability: named platform instances, each served by a vendor folder found by its name."""

import importlib
import os
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.settings import read


class Port(Protocol):
    """What every port offers besides its own methods."""

    async def check(self) -> None: ...
    async def close(self) -> None: ...


P = TypeVar("P", bound=Port)


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which vendor folder serves the connection, and that vendor's own settings (its settings.py)."""

    vendor: str
    settings: dict[str, Any]


class Connections(Generic[P]):
    """The connectors of one capability by the name of their connection."""

    def __init__(self, connectors: dict[str, P]) -> None:
        self._connectors = connectors

    def __iter__(self) -> Iterator[tuple[str, P]]:
        return iter(self._connectors.items())

    def get(self, name: str) -> P:
        """Raises MISSING `unknown_connection`."""
        connector = self._connectors.get(name)
        if connector is None:
            raise Failure(Kind.MISSING, f"there is no connection {name}", code="unknown_connection")
        return connector

    async def close(self) -> None:
        for connector in self._connectors.values():
            await connector.close()


def connect_all(capability: str, wanted: dict[str, ConnectionSettings], clock: Clock) -> Connections[Any]:
    """Connect each; only the vendors that are asked for are imported.

    Raises servicekit.settings.SettingsError with every mistake in a connection's settings, and MISCONFIGURED for a
    vendor that has no folder.
    """
    return Connections({name: _connect(capability, name, wanted[name], clock) for name in sorted(wanted)})


def _connect(capability: str, name: str, chosen: ConnectionSettings, clock: Clock) -> Port:
    package = f"system_apis.{capability}.{chosen.vendor}"
    try:
        vendor = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise Failure(Kind.MISCONFIGURED, f"{name}: {capability} has no vendor {chosen.vendor}") from error
    settings = read(vendor.Settings, chosen.settings, os.environ, source=f"connections.{name}.settings")
    return cast("Port", vendor.Connector.connect(name, settings, clock))
