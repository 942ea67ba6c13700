"""The table of components is whole, and each service is told what it understands."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from gateway.issuer.hashing import matches
from gateway.settings import EdgeSettings, PortalSettings
from launcher import components, ports, settings
from launcher.components import COMPONENTS, Component
from launcher.database import DatabaseSettings
from launcher.places import Places
from launcher.postgres import Postgres
from launcher.problem import LaunchError
from launcher.settings import CAPABILITIES, Maker
from launcher.site import Site
from launcher.vault import Vault
from launcher.vendors import VENDORS, Vendor
from process_apis.settings import OperationsSettings, ProcessSettings
from servicekit.settings import ServiceSettings, read
from system_apis.sandboxes import SandboxesSettings
from system_apis.service import SystemSettings

SERVICES = [row for row in COMPONENTS if row.layer in {"system", "process", "experience"}]


@pytest.fixture
def site(here: Places) -> Site:
    """A copy with ports and secrets, nothing of it running."""
    assigned = ports.assign(components.ports(), here.state / "ports.json", start=0, free=lambda _port: True)
    server = Postgres(programs=Path("/none"), data=here.state / "postgres", account=None)
    return Site(places=here, ports=assigned, vault=Vault(here.secrets), postgres=server, environment={})


def test_names_and_ports_are_unique() -> None:
    """A name is a log file, a settings file and a process's place in the register."""
    names = [row.name for row in COMPONENTS]
    assert sorted(set(names)) == sorted(names)
    assert sorted(set(components.ports())) == sorted(components.ports())


def test_what_a_row_needs_stands_above_it() -> None:
    """So there is no circle, and the order of stopping is the reverse of the table."""
    above: set[str] = set()
    for row in COMPONENTS:
        assert set(row.needs) <= above, row.name
        above.add(row.name)


def test_the_rows_of_a_layer_stand_together() -> None:
    """A layer stops as one."""
    layers = [row.layer for row in COMPONENTS]
    changes = [layer for number, layer in enumerate(layers) if number == 0 or layers[number - 1] != layer]
    assert sorted(set(layers)) == sorted(changes)


@pytest.mark.parametrize("maker", [*(row.settings for row in SERVICES), settings.portal])
def test_everybody_lives_by_one_clock(maker: Maker, site: Site) -> None:
    """A moved clock moves all services together, or tokens and periods would not fit."""
    told = maker(site, "process-operations")
    assert str(site.places.clock) == told.get("service", told)["clock_file"]


@pytest.mark.parametrize("row", SERVICES, ids=lambda row: row.name)
def test_every_service_reads_the_shared_settings(row: Component, site: Site) -> None:
    """Name, port and audience follow from the row; the role in the database is the service's own."""
    assert row.settings is not None
    service = read(ServiceSettings, row.settings(site, row.name)["service"], {})
    assert row.name == service.name
    assert site.ports[row.name] == service.port
    assert f"syncline-{row.layer}" == service.audience
    assert site.vault.secret(f"client {row.name}") == service.client_secret.reveal()


TOLD: dict[str, type[msgspec.Struct]] = {
    "gateway-portal": PortalSettings,
    "edge": EdgeSettings,
    "sandboxes": SandboxesSettings,
    "database": DatabaseSettings,
}


@pytest.mark.parametrize("name", sorted(TOLD))
def test_what_the_others_are_told_is_what_they_read(name: str, site: Site) -> None:
    """Each document decodes strictly into the settings of its program."""
    row = next(row for row in COMPONENTS if row.name == name)
    assert row.settings is not None
    assert isinstance(read(TOLD[name], msgspec.to_builtins(row.settings(site, name)), {}), TOLD[name])


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_system_apis_read_what_they_are_told(capability: str, site: Site) -> None:
    """Strictly too: a field that a service does not know would stop its start."""
    told = settings.system(site, f"system-{capability}")
    mine = [vendor for vendor in VENDORS if vendor.capability == capability]
    assert {name for vendor in mine for name in vendor.connections(site)} == set(
        read(SystemSettings, told, {}).connections
    )


WITH_SETTINGS = [one for one in VENDORS if find_spec(f"system_apis.{one.capability}.{one.folder}.settings")]


@pytest.mark.parametrize("vendor", WITH_SETTINGS, ids=lambda vendor: vendor.folder)
def test_connectors_read_what_they_are_told(vendor: Vendor, site: Site) -> None:
    """The settings of a connection decode strictly into its vendor's own."""
    module = import_module(f"system_apis.{vendor.capability}.{vendor.folder}")
    for told in vendor.connections(site).values():
        assert isinstance(read(module.Settings, told, {}), module.Settings)


@pytest.mark.parametrize(
    ("maker", "name", "wanted"),
    [
        *((settings.process, f"process-{flow}", ProcessSettings) for flow in settings.FLOWS),
        (settings.operations, "process-operations", OperationsSettings),
    ],
)
def test_process_apis_read_what_they_are_told(
    maker: Maker, name: str, wanted: type[msgspec.Struct], site: Site
) -> None:
    """Strictly too."""
    assert isinstance(read(wanted, maker(site, name), {}), wanted)


def test_only_revenue_recognition_may_ask_what_people_cost() -> None:
    """Cost rates are pay: the one scope for them has one holder."""
    holders = [name for name, _, scopes in settings.CLIENTS if "hr.cost-rates.read" in scopes]
    assert ["process-revenue-recognition"] == holders


def test_operations_wakes_the_runs_of_every_process(site: Site) -> None:
    """It works in each engine's schema; a process works in its own."""
    schemas = settings.database(site, "database")["schemas"]
    engines = ["engine_invoice_release", "engine_project_onboarding", "engine_revenue_recognition"]
    assert ["process", *engines] == schemas["process_operations"]
    assert ["process", "engine_invoice_release"] == schemas["process_invoice_release"]


def test_the_secret_of_a_client_opens_its_hash(site: Site) -> None:
    """What a service sends is what the issuer compares with."""
    told = settings.client(site, "experience", "process", ())
    assert matches(site.vault.secret("client experience"), told["secret_hash"])


def test_a_units_settings_are_private_and_named_in_its_environment(site: Site) -> None:
    """A settings file holds secrets; the service learns its place from SYNCLINE_SETTINGS."""
    unit = components.unit(next(row for row in COMPONENTS if row.name == "system-crm"), site)
    path = unit.command.environment[settings.SETTINGS_VARIABLE]
    assert str(site.places.settings / "system-crm.json") == path
    assert Path(path).stat().st_mode & 0o777 == 0o600


def test_the_database_url_survives_any_folder(site: Site) -> None:
    """The sockets' folder is quoted in the URL."""
    url = site.database_url("system_crm")
    password = site.vault.secret("database system_crm")
    folder = str(site.places.postgres_sockets).replace("/", "%2F")
    assert f"postgresql+psycopg://system_crm:{password}@/syncline?host={folder}&port=5432" == url


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "8_080", "²"])
def test_a_port_that_is_none_is_one_sentence(text: str) -> None:
    """SYNCLINE_PORT is a number from 1 to 65535."""
    with pytest.raises(LaunchError) as caught:
        settings.asked({"SYNCLINE_PORT": text})
    assert f"SYNCLINE_PORT is {text!r}, and a port is a number from 1 to 65535." == caught.value.sentence


def test_the_environment_says_port_and_colour() -> None:
    """Nothing set: any free port, colour. Set: that port, and NO_COLOR is honoured."""
    nothing, both = settings.asked({}), settings.asked({"SYNCLINE_PORT": "9000", "NO_COLOR": "1"})
    assert (nothing.port, nothing.colour) == (None, True)
    assert (both.port, both.colour) == (9000, False)
