"""The experience API over HTTP, with every process away: who may see what, and what a request must say."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from api_callers import TokenSaysAll, calling, process_service, token
from invoicing_facts import RELEASE

from experience_api.app import ExperienceSettings, create_app
from process_apis.finding import processes
from servicekit.clock import SettableClock
from servicekit.limits import Limiter
from servicekit.migrate import migrate

NOBODY = dict.fromkeys(processes(), "http://127.0.0.1:1")
ROUTES = [
    ("/v1/overview", "experience.overview.read"),
    ("/v1/projects/prj_1", "experience.projects.read"),
    ("/v1/invoicing", "experience.invoicing.read"),
    ("/v1/invoicing?legal_entity_code=DE01", "experience.invoicing.read"),
    (f"/v1/invoices/{RELEASE}", "experience.invoicing.read"),
    ("/v1/tie-outs/DE01?period_end=2026-12-01", "experience.tie-outs.read"),
]
EVERYTHING = token(*{scope for _, scope in ROUTES})


@pytest.fixture
async def http(database_url: str, redis_url: str, still_clock: SettableClock) -> AsyncIterator[httpx.AsyncClient]:
    """The running API."""
    migrate(database_url, "experience", "experience_api:migrations")
    shared = process_service("experience", database_url, redis_url)
    service = msgspec.structs.replace(shared, layer="experience", audience="syncline-experience", schema="experience")
    settings = ExperienceSettings(service=service, processes=NOBODY)
    limiter = Limiter(1000, clock=still_clock)
    async with calling(create_app(settings, clock=still_clock, verifier=TokenSaysAll(), limiter=limiter)) as client:
        yield client


async def test_every_screen_needs_a_token_with_its_scope(http: httpx.AsyncClient) -> None:
    """401 without a token, 403 with every scope but the one that counts."""
    for path, scope in ROUTES:
        others = token(*{one for _, one in ROUTES} - {scope})
        statuses = [(await http.get(path, headers=headers)).status_code for headers in ({}, others)]
        assert [401, 403] == statuses, path


async def test_no_screen_breaks_when_every_process_is_away(http: httpx.AsyncClient) -> None:
    """200, and every section says that it is unavailable."""
    for path, _ in ROUTES:
        answer = await http.get(path, headers=EVERYTHING)
        assert 200 == answer.status_code, path
        sections = [part for part in answer.json().values() if isinstance(part, dict)]
        assert {"unavailable"} == {section["freshness"]["status"] for section in sections}, path


async def test_a_parameter_that_is_none_is_refused(http: httpx.AsyncClient) -> None:
    """A period has an end, an end is a day, and an entity's code looks like one."""
    for path in (
        *("/v1/tie-outs/DE01", "/v1/tie-outs/DE01?period_end=2026-13-01", "/v1/tie-outs/de?period_end=2026-12-01"),
        *("/v1/invoicing?legal_entity_code=de", "/v1/invoicing?entity=DE01"),
    ):
        assert 400 == (await http.get(path, headers=EVERYTHING)).status_code, path
