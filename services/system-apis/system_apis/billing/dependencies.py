"""What the routes of billing ask for: the desk between them and the platforms, and the watch over these."""

from datetime import timedelta

from litestar.di import NamedDependency, Provide

from servicekit.clock import Clock
from servicekit.cursors import CursorSigner
from servicekit.database import Database
from system_apis.billing.desk import Desk
from system_apis.billing.observing import Watches
from system_apis.billing.port import Billing
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.observing import Observer
from system_apis.service import SystemSettings
from system_apis.writes import Writes


def at_desk(
    connections: NamedDependency[Connections[Billing]],
    directory: NamedDependency[Directory],
    writes: NamedDependency[Writes],
    cursors: NamedDependency[CursorSigner],
) -> Desk:
    """The dependency `desk` of the routes below."""
    return Desk(connections, directory, writes, cursors)


def on_watch(
    connections: NamedDependency[Connections[Billing]],
    directory: NamedDependency[Directory],
    observer: NamedDependency[Observer],
    database: NamedDependency[Database],
    clock: NamedDependency[Clock],
    settings: NamedDependency[SystemSettings],
) -> Watches:
    """The dependency `watches`."""
    overlap = timedelta(seconds=settings.poll_overlap_s)
    return Watches(connections, directory, observer, database, clock, overlap)


DESK = {"desk": Provide(at_desk, sync_to_thread=False)}
WATCHES = {"watches": Provide(on_watch, sync_to_thread=False)}
