"""The programs as they are started: portal and edge as processes, judged by our verifier and by Authlib's client."""

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session

from gateway.issuer import hashed
from servicekit.auth import Verifier
from servicekit.clock import SystemClock
from servicekit.settings import Secret
from servicekit.tokens import ClientCredentials

ONBOARDINGS = "/process/project-onboarding/v1/onboardings"
CONTRACTS = Path(__file__).parent / "contracts"
BACK = "http://127.0.0.1:1/back"


@contextlib.asynccontextmanager
async def program(name: str, settings: dict[str, Any], folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m gateway <name>`, ended by its id."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(settings))
    environment = os.environ | {
        "SYNCLINE_SETTINGS": str(file),
        "PARTNER_HASH": hashed("partner-secret", generated=True),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", name),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


def portal_settings(origin: str, port: int, folder: Path) -> dict[str, Any]:
    """An issuer with a partner and a browser's client, and the documentation."""
    return {
        "port": port,
        "origin": origin,
        "issuer": origin,
        "docs": {"contracts": str(CONTRACTS)},
        "issuing": {
            "keys_file": str(folder / "state" / "keys.json"),
            "clients": [
                {
                    "id": "partner-a",
                    "name": "Partner A",
                    "secret_hash": "${PARTNER_HASH}",
                    "scopes": ["project-onboarding.onboardings.read"],
                    "audiences": ["syncline-process"],
                },
                {
                    "id": "console",
                    "name": "Console",
                    "scopes": ["experience.views.read"],
                    "audiences": ["syncline-experience"],
                    "grant_types": ["authorization_code"],
                    "redirect_uris": [BACK],
                },
            ],
            "people": [
                {
                    "id": "person:ada",
                    "username": "ada",
                    "name": "Ada Miles",
                    "password_hash": hashed("correct horse"),
                    "scopes": ["experience.views.read"],
                }
            ],
        },
    }


@pytest.fixture(scope="module")
async def origin(edges: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A running edge with a running portal and an API behind it."""
    folder = tmp_path_factory.mktemp("programs")
    upstream = edges.Upstream("onboarding", edges.free_port())
    portal, listen, admin = (edges.free_port() for _ in range(3))
    origin = f"http://127.0.0.1:{listen}"
    at = f"127.0.0.1:{upstream.port}"
    edge = {
        "contracts": str(CONTRACTS),
        "folder": str(folder / "edge"),
        "topology": {
            "listen": f"127.0.0.1:{listen}",
            "origin": origin,
            "admin": f"127.0.0.1:{admin}",
            "portal": f"127.0.0.1:{portal}",
            "issuer": origin,
            "services": {"project-onboarding.v1": at, "experience.v1": at},
            "access_log": "",
        },
    }
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(edges.served(upstream, upstream.port))
        started = [
            await stack.enter_async_context(program("portal", portal_settings(origin, portal, folder), folder)),
            await stack.enter_async_context(program("edge", edge, folder)),
        ]
        await edges.eventually(lambda: _ready(origin, started))
        yield origin


async def test_a_partner_gets_a_token_at_the_edge_and_calls(origin: str, edges: Any) -> None:
    """Discovery, token, call: servicekit's own client and verifier get on with issuer and edge."""
    clock = SystemClock()
    secret = Secret("partner-secret")
    source = ClientCredentials(
        origin, client_id="partner-a", client_secret=secret, audience="syncline-process", clock=clock
    )
    verifier = Verifier(origin, "syncline-process", clock=clock)
    try:
        token = await source.token()
        caller = await verifier.verify(token)
    finally:
        await source.aclose()
        await verifier.aclose()
    assert ("partner-a", frozenset({"project-onboarding.onboardings.read"})) == (caller.client_id, caller.scopes)

    async def let_in() -> bool:
        async with httpx.AsyncClient(base_url=origin, headers={"Authorization": f"Bearer {token}"}) as http:
            return (await http.get(ONBOARDINGS)).status_code == 200

    await edges.eventually(let_in)


async def test_a_person_signs_in_through_the_edge(origin: str, edges: Any) -> None:
    """Authlib's client, which knows nothing of us, does the code flow with PKCE; the token opens the layer."""
    verifier = "v" * 64
    client = OAuth2Session(
        "console", redirect_uri=BACK, code_challenge_method="S256", scope="openid experience.views.read"
    )
    async with httpx.AsyncClient() as browser:
        metadata = (await browser.get(f"{origin}/.well-known/openid-configuration")).json()
        url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        page = await browser.get(url)
        hidden = {
            name: unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
        }
        form = {**hidden, "decision": "allow", "username": "ada", "password": "correct horse"}
        back = (await browser.post(f"{origin}/oauth/authorize", data=form)).headers["location"]
    assert state == parse_qs(urlsplit(back).query)["state"][0]
    endpoint = metadata["token_endpoint"]
    with client:
        token = await asyncio.to_thread(
            client.fetch_token, endpoint, authorization_response=back, code_verifier=verifier
        )
    assert "openid experience.views.read" == token["scope"]

    async def let_in() -> bool:
        async with httpx.AsyncClient(
            base_url=origin, headers={"Authorization": f"Bearer {token['access_token']}"}
        ) as http:
            return (await http.get("/experience/v1/views/home")).status_code == 200

    await edges.eventually(let_in)


async def test_the_refusal_leads_to_the_issuer(origin: str) -> None:
    """From the 401 a stranger finds its way: resource metadata, issuer, token endpoint, documentation."""
    async with httpx.AsyncClient(base_url=origin) as http:
        refused = await http.get(ONBOARDINGS)
        metadata = re.search(r'resource_metadata="([^"]*)"', refused.headers["www-authenticate"])
        assert metadata
        resource = (await http.get(metadata[1])).json()
        issuer = resource["authorization_servers"][0]
        server = (await http.get(f"{issuer}/.well-known/oauth-authorization-server")).json()
        assert issuer == server["issuer"]
        assert 200 == (await http.get(resource["resource_documentation"])).status_code
        assert 200 == (await http.get(refused.json()["type"])).status_code


async def test_compile_reports_what_it_did(edges: Any, tmp_path: Path) -> None:
    """One line of JSON, for whoever starts it; a second run changes nothing that needs a restart."""
    settings = {
        "contracts": str(CONTRACTS),
        "folder": str(tmp_path / "edge"),
        "topology": {
            "listen": "127.0.0.1:1",
            "origin": "http://127.0.0.1:1",
            "admin": "127.0.0.1:2",
            "portal": "127.0.0.1:3",
            "issuer": "http://127.0.0.1:1",
            "services": {"experience.v1": "127.0.0.1:4"},
        },
    }
    left_out = ["invoice-release.v1", "project-onboarding.v1"]
    for restart_needed in (True, False):
        async with program("compile", settings, tmp_path) as process:
            output, _ = await process.communicate()
        assert 0 == process.returncode
        assert {"operations": 6, "left_out": left_out, "restart_needed": restart_needed} == json.loads(output)


@pytest.mark.parametrize(
    ("name", "settings", "status"),
    [("compile", {"contracts": "x"}, 1), ("portal", {}, 1), ("nothing", {}, 2)],
)
async def test_a_program_that_cannot_start_says_why(
    tmp_path: Path, name: str, settings: dict[str, Any], status: int
) -> None:
    """Every mistake in the settings by its place, and no traceback."""
    async with program(name, settings, tmp_path) as process:
        output, _ = await process.communicate()
    assert status == process.returncode
    assert b"Traceback" not in output
    assert output


async def _ready(origin: str, started: list[asyncio.subprocess.Process]) -> bool:
    for process in started:
        if process.returncode is not None:
            pytest.fail((await process.communicate())[0].decode())
    with contextlib.suppress(httpx.TransportError):
        async with httpx.AsyncClient(base_url=origin) as http:
            return (await http.get("/docs")).status_code == 200
    return False
