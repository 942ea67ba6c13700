"""A portal with a handful of clients and people, called without a socket."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.issuer import hashed
from gateway.issuer.keys import SigningKeys
from gateway.portal import create_portal
from gateway.settings import PortalSettings
from servicekit.clock import SettableClock
from servicekit.settings import read

STARTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ORIGIN = "https://edge.example"
CONTRACTS = Path(__file__).parents[2] / "edge" / "contracts"
EVENTS = Path(__file__).parent / "events"

CLIENTS: list[dict[str, Any]] = [
    {
        "id": "partner-a",
        "name": "Partner A",
        "secret_hash": hashed("partner-secret", generated=True),
        "scopes": ["project-onboarding.onboardings.read", "project-onboarding.onboardings.write"],
        "audiences": ["syncline-process"],
    },
    {
        "id": "process-project-onboarding",
        "name": "Project onboarding",
        "secret_hash": hashed("service secret: %+&", generated=True),
        "scopes": ["crm.opportunities.read"],
        "audiences": ["syncline-system", "syncline-process"],
    },
    {
        "id": "console",
        "name": "Console",
        "scopes": ["experience.views.read", "operations.exceptions.write"],
        "audiences": ["syncline-experience"],
        "grant_types": ["authorization_code"],
        "redirect_uris": ["https://edge.example/console/signed-in"],
        "post_logout_redirect_uris": ["https://edge.example/console/"],
        "trusted": True,
    },
    {
        "id": "dashboard",
        "name": "A dashboard",
        "scopes": ["experience.views.read"],
        "audiences": ["syncline-experience"],
        "grant_types": ["authorization_code"],
        "redirect_uris": ["https://dashboard.example/back", "https://dashboard.example/back?area=1"],
    },
]


@pytest.fixture
def clock() -> SettableClock:
    """Stands still until it is moved."""
    return SettableClock(STARTED)


@pytest.fixture(scope="session")
def people() -> list[dict[str, Any]]:
    """Hashing a password is made to be slow, so it is done once."""
    return [
        {
            "id": "person:ada",
            "username": "ada",
            "name": "Ada Miles",
            "email": "ada@firm.example",
            "password_hash": hashed("correct horse"),
            "scopes": ["experience.views.read"],
        }
    ]


@pytest.fixture(scope="session")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Making a key takes a while, so one is made for all."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    SigningKeys(path, SettableClock(STARTED), key_life=timedelta(days=30))
    return path


@pytest.fixture
def settings(tmp_path: Path, keys_file: Path, people: list[dict[str, Any]]) -> PortalSettings:
    """As a settings file would say it."""
    shutil.copy2(keys_file, tmp_path / "keys.json")
    document = {
        "port": 8090,
        "origin": ORIGIN,
        "issuer": ORIGIN,
        "docs": {
            "contracts": str(CONTRACTS),
            "events": str(EVENTS),
            "services": {"experience.v1": "http://127.0.0.1:9"},
        },
        "issuing": {"keys_file": str(tmp_path / "keys.json"), "clients": CLIENTS, "people": people},
    }
    return read(PortalSettings, document, {})


@pytest.fixture
async def portal(settings: PortalSettings, clock: SettableClock) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of the portal."""
    app = create_portal(settings, clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as caller:
        yield caller
