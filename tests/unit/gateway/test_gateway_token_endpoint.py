"""The token endpoint: tokens for clients' own secrets. Source: RFC 6749 sections 4.4 and 5, RFC 8707, RFC 9068."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from servicekit.clock import SettableClock

PARTNER = ("partner-a", "partner-secret")
SERVICE = ("process-project-onboarding", "service secret: %+&")


async def asked(portal: httpx.AsyncClient, auth: tuple[str, str] | None = PARTNER, **form: Any) -> httpx.Response:
    """A request for a client's own token."""
    options: dict[str, Any] = {"auth": auth} if auth else {}
    return await portal.post("/oauth/token", data={"grant_type": "client_credentials", **form}, **options)


async def test_a_client_gets_a_token_for_its_layer(portal: httpx.AsyncClient, clock: SettableClock) -> None:
    """RFC 9068: typed, signed by a published key, bound to audience, client and 15 minutes."""
    answer = await asked(portal)
    assert 200 == answer.status_code
    assert ("no-store", "no-cache") == (answer.headers["cache-control"], answer.headers["pragma"])
    body = answer.json()
    assert ("Bearer", 900) == (body["token_type"], body["expires_in"])
    keys = KeySet.import_key_set((await portal.get("/oauth/jwks")).json())
    token = jwt.decode(body["access_token"], keys, algorithms=["RS256"])
    assert {"alg": "RS256", "typ": "at+jwt", "kid": keys.keys[0].kid} == token.header
    now = int(clock.now().timestamp())
    assert {
        "iss": "https://edge.example",
        "sub": "partner-a",
        "aud": "syncline-process",
        "client_id": "partner-a",
        "scope": "project-onboarding.onboardings.read project-onboarding.onboardings.write",
        "iat": now,
        "exp": now + 900,
        "jti": token.claims["jti"],
    } == token.claims


async def test_no_two_tokens_have_the_same_id(portal: httpx.AsyncClient) -> None:
    """Whoever keeps a list of used tokens can tell them apart."""
    keys = KeySet.import_key_set((await portal.get("/oauth/jwks")).json())
    tokens = [(await asked(portal)).json()["access_token"] for _ in range(2)]
    assert 2 == len({jwt.decode(token, keys).claims["jti"] for token in tokens})


async def test_a_client_may_ask_for_less_than_it_may(portal: httpx.AsyncClient) -> None:
    """The scope asked for is the scope given."""
    answer = await asked(portal, scope="project-onboarding.onboardings.read")
    assert "project-onboarding.onboardings.read" == answer.json()["scope"]


async def test_a_secret_may_stand_in_the_form(portal: httpx.AsyncClient) -> None:
    """client_secret_post, for clients that cannot do Basic."""
    answer = await asked(portal, auth=None, client_id=PARTNER[0], client_secret=PARTNER[1])
    assert 200 == answer.status_code


async def test_a_secret_with_special_characters_is_decoded(portal: httpx.AsyncClient) -> None:
    """RFC 6749 section 2.3.1: both parts of Basic are form-encoded first."""
    encoded = ("process-project-onboarding", "service%20secret%3A%20%25%2B%26")
    assert 200 == (await asked(portal, auth=encoded, resource="syncline-system")).status_code


@pytest.mark.parametrize("resource", ["syncline-system", "syncline-process"])
async def test_a_client_of_two_layers_says_which(portal: httpx.AsyncClient, resource: str) -> None:
    """RFC 8707: the resource becomes the audience."""
    answer = await asked(portal, auth=None, client_id=SERVICE[0], client_secret=SERVICE[1], resource=resource)
    keys = KeySet.import_key_set((await portal.get("/oauth/jwks")).json())
    assert resource == jwt.decode(answer.json()["access_token"], keys).claims["aud"]


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"resource": "syncline-system"}, "invalid_target"),
        ({"resource": ["syncline-process", "syncline-system"]}, "invalid_request"),
        ({"scope": "crm.opportunities.read"}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "unauthorized_client"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": 'a"b'}, "invalid_request"),
        ({"scope": "é"}, "invalid_request"),
        ({"grant_type": ["client_credentials", "client_credentials"]}, "invalid_request"),
    ],
)
async def test_what_a_client_may_not_have_is_refused(
    portal: httpx.AsyncClient, form: dict[str, Any], error: str
) -> None:
    """Errors have OAuth's own shape (RFC 6749 section 5.2) and are not stored either."""
    answer = await asked(portal, **form)
    assert (400, error) == (answer.status_code, answer.json()["error"])
    assert "no-store" == answer.headers["cache-control"]


async def test_a_client_of_two_layers_that_names_none_is_refused(portal: httpx.AsyncClient) -> None:
    """Nobody gets a token for a layer by accident."""
    answer = await asked(portal, auth=None, client_id=SERVICE[0], client_secret=SERVICE[1])
    assert (400, "invalid_target") == (answer.status_code, answer.json()["error"])


@pytest.mark.parametrize(
    "auth", [("partner-a", "wrong"), ("nobody", "partner-secret"), ("partner-a", ""), ("console", "x"), None]
)
async def test_who_cannot_prove_to_be_the_client_is_not_told_why(
    portal: httpx.AsyncClient, auth: tuple[str, str] | None
) -> None:
    """Unknown, wrong and missing are one answer."""
    answer = await asked(portal, auth=auth)
    assert 401 == answer.status_code
    assert {"error": "invalid_client", "error_description": "Client authentication failed."} == answer.json()
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("header", ["Basic !", "Basic gICA", "Bearer x", "Basic"])
async def test_an_unreadable_authorization_is_a_failed_one(portal: httpx.AsyncClient, header: str) -> None:
    """Nothing that a caller sends breaks the endpoint."""
    answer = await portal.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header}
    )
    assert (401, "invalid_client") == (answer.status_code, answer.json()["error"])


async def test_a_body_that_is_no_form_is_refused(portal: httpx.AsyncClient) -> None:
    """JSON is not what RFC 6749 says."""
    answer = await portal.post("/oauth/token", json={"grant_type": "client_credentials"})
    assert (400, "invalid_request") == (answer.status_code, answer.json()["error"])


async def test_who_guesses_is_locked_out_for_a_while(portal: httpx.AsyncClient, clock: SettableClock) -> None:
    """Five wrong secrets within a quarter of an hour; then not even the right one counts, until the time is over."""
    for _ in range(5):
        assert 401 == (await asked(portal, auth=("partner-a", "guess"))).status_code
    locked = await asked(portal)
    assert (429, "900") == (locked.status_code, locked.headers["retry-after"].replace("901", "900"))
    clock.advance(timedelta(seconds=901))
    assert 200 == (await asked(portal)).status_code


async def test_guessing_from_one_place_does_not_lock_others_out(portal: httpx.AsyncClient) -> None:
    """Else anyone could stop a service by guessing."""
    for _ in range(5):
        await asked(portal, auth=("partner-a", "guess"))
    answer = await portal.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=PARTNER,
        headers={"X-Envoy-External-Address": "198.51.100.7"},
    )
    assert 200 == answer.status_code


async def test_a_body_beyond_64_kib_is_refused(portal: httpx.AsyncClient) -> None:
    """No form here is that long."""
    answer = await asked(portal, filler="x" * 70_000)
    assert 413 == answer.status_code


async def test_the_metadata_follows_from_the_issuer(portal: httpx.AsyncClient) -> None:
    """Whichever host it is read at, it says the same (RFC 8414)."""
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        found = (await portal.get(path, headers={"Host": "elsewhere.example"})).json()
        assert "https://edge.example" == found["issuer"]
        assert "https://edge.example/oauth/token" == found["token_endpoint"]
        assert "https://edge.example/oauth/jwks" == found["jwks_uri"]
        assert ["S256"] == found["code_challenge_methods_supported"]
