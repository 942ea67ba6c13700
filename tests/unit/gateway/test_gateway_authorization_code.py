"""People sign in and agree: the authorization code grant with PKCE. Sources: RFC 6749 section 4.1, RFC 7636, 9700."""

import base64
import hashlib
import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from servicekit.clock import SettableClock

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
DASHBOARD = {
    "response_type": "code",
    "client_id": "dashboard",
    "redirect_uri": "https://dashboard.example/back",
    "scope": "openid experience.views.read",
    "state": "s/1 ä",
    "nonce": "n1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
CONSOLE = DASHBOARD | {"client_id": "console", "redirect_uri": "https://edge.example/console/signed-in"}


def authorize(request: dict[str, str]) -> str:
    """The address to which a client sends a person."""
    return f"/oauth/authorize?{urlencode(request)}"


def without(request: dict[str, str], name: str, **changes: str) -> dict[str, str]:
    """The request with a parameter left out or changed."""
    return {key: value for key, value in request.items() if key != name} | changes


async def decided(portal: httpx.AsyncClient, page: httpx.Response, **fields: str) -> httpx.Response:
    """The page's form, filled in and sent."""
    hidden = {
        unescape(name): unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    }
    return await portal.post("/oauth/authorize", data={**hidden, "decision": "allow", **fields})


async def signed_in(portal: httpx.AsyncClient, request: dict[str, str], **fields: str) -> httpx.Response:
    """From the client's link to the answer to the form."""
    page = await portal.get(authorize(request))
    assert 200 == page.status_code
    return await decided(portal, page, **{"username": "ada", "password": "correct horse", **fields})


def returned(answer: httpx.Response) -> dict[str, str]:
    """What the client gets back in the address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def exchanged(portal: httpx.AsyncClient, code: str, **changes: Any) -> httpx.Response:
    """The code for tokens."""
    form = {
        "grant_type": "authorization_code",
        "client_id": "dashboard",
        "code": code,
        "redirect_uri": DASHBOARD["redirect_uri"],
        "code_verifier": VERIFIER,
    }
    return await portal.post("/oauth/token", data=form | changes)


async def test_a_person_signs_in_and_the_client_gets_tokens(portal: httpx.AsyncClient, clock: SettableClock) -> None:
    """The code comes back with state and issuer; the tokens name the person and hold what both may do."""
    answer = await signed_in(portal, DASHBOARD)
    assert 303 == answer.status_code
    back = returned(answer)
    assert ("s/1 ä", "https://edge.example") == (back["state"], back["iss"])
    assert answer.headers["location"].startswith("https://dashboard.example/back?")
    body = (await exchanged(portal, back["code"])).json()
    keys = KeySet.import_key_set((await portal.get("/oauth/jwks")).json())
    access = jwt.decode(body["access_token"], keys).claims
    expected = ("person:ada", "dashboard", "syncline-experience", "openid experience.views.read", "Ada Miles")
    assert expected == tuple(access[name] for name in ("sub", "client_id", "aud", "scope", "name"))
    identity = jwt.decode(body["id_token"], keys).claims
    now = int(clock.now().timestamp())
    assert ("dashboard", "n1", now, "ada", "ada@firm.example") == tuple(
        identity[name] for name in ("aud", "nonce", "auth_time", "preferred_username", "email")
    )


async def test_a_token_holds_only_what_the_person_may_do(portal: httpx.AsyncClient) -> None:
    """The client may more, the person may not."""
    request = CONSOLE | {"scope": "experience.views.read operations.exceptions.write"}
    code = returned(await signed_in(portal, request))["code"]
    body = (await exchanged(portal, code, client_id="console", redirect_uri=CONSOLE["redirect_uri"])).json()
    assert "experience.views.read" == body["scope"]
    assert "id_token" not in body


async def test_a_code_works_once(portal: httpx.AsyncClient) -> None:
    """The second use is refused."""
    code = returned(await signed_in(portal, DASHBOARD))["code"]
    assert 200 == (await exchanged(portal, code)).status_code
    again = await exchanged(portal, code)
    assert (400, "invalid_grant") == (again.status_code, again.json()["error"])


async def test_a_code_tried_with_a_wrong_verifier_is_spent(portal: httpx.AsyncClient) -> None:
    """Whoever stole it has no second guess, and nobody else can use it either."""
    code = returned(await signed_in(portal, DASHBOARD))["code"]
    stolen = await exchanged(portal, code, code_verifier="w" * 43)
    assert (400, "invalid_grant") == (stolen.status_code, stolen.json()["error"])
    assert 400 == (await exchanged(portal, code)).status_code


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": "https://dashboard.example/back?area=1"}, "invalid_grant"),
        ({"client_id": "console"}, "invalid_grant"),
        ({"resource": "syncline-process"}, "invalid_target"),
        ({"code": "guess"}, "invalid_grant"),
    ],
)
async def test_a_code_is_bound_to_its_request(portal: httpx.AsyncClient, changes: dict[str, str], error: str) -> None:
    """To the verifier, the redirect URI, the client and the resource."""
    code = returned(await signed_in(portal, DASHBOARD))["code"]
    answer = await exchanged(portal, **{"code": code} | changes)
    assert (400, error) == (answer.status_code, answer.json()["error"])


async def test_a_code_expires_after_a_minute(portal: httpx.AsyncClient, clock: SettableClock) -> None:
    """A client that is sent one uses it at once."""
    code = returned(await signed_in(portal, DASHBOARD))["code"]
    clock.advance(timedelta(seconds=60))
    assert 400 == (await exchanged(portal, code)).status_code


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (without(DASHBOARD, "code_challenge"), "invalid_request"),
        (without(DASHBOARD, "code_challenge_method"), "invalid_request"),
        (DASHBOARD | {"code_challenge_method": "plain"}, "invalid_request"),
        (DASHBOARD | {"scope": "experience.views.read billing.invoices.read"}, "invalid_scope"),
        (DASHBOARD | {"resource": "syncline-process"}, "invalid_target"),
        (DASHBOARD | {"response_type": "token"}, "unsupported_response_type"),
        (DASHBOARD | {"prompt": "none"}, "login_required"),
    ],
)
async def test_a_wrong_request_goes_back_to_its_client(
    portal: httpx.AsyncClient, request_: dict[str, str], error: str
) -> None:
    """The redirect URI is proven, so the client is told, with its state."""
    answer = await portal.get(authorize(request_))
    assert 303 == answer.status_code
    back = returned(answer)
    assert (error, "s/1 ä", "https://edge.example") == (back["error"], back["state"], back["iss"])


@pytest.mark.parametrize(
    "request_",
    [
        DASHBOARD | {"redirect_uri": "https://evil.example/back"},
        DASHBOARD | {"redirect_uri": "https://dashboard.example/back/"},
        DASHBOARD | {"redirect_uri": "https://dashboard.example/BACK"},
        DASHBOARD | {"redirect_uri": 'https://dashboard.example/back"'},
        without(DASHBOARD, "redirect_uri"),
        without(DASHBOARD, "client_id"),
        DASHBOARD | {"client_id": "nobody"},
        DASHBOARD | {"client_id": "<script>alert(1)</script>"},
    ],
)
async def test_a_person_is_never_sent_to_an_unproven_address(
    portal: httpx.AsyncClient, request_: dict[str, str]
) -> None:
    """Redirect URIs are compared character by character; what fails is said to the person, escaped."""
    answer = await portal.get(authorize(request_))
    assert 400 == answer.status_code
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    assert "<script" not in answer.text
    assert 'role="alert"' in answer.text


async def test_who_cancels_is_believed(portal: httpx.AsyncClient) -> None:
    """The client learns that access was denied; no password is needed for that."""
    page = await portal.get(authorize(DASHBOARD))
    answer = await decided(portal, page, decision="deny")
    assert (303, "access_denied") == (answer.status_code, returned(answer)["error"])


@pytest.mark.parametrize(("username", "password"), [("ada", "wrong"), ("nobody", "correct horse"), ("", "")])
async def test_a_wrong_password_shows_the_page_again(portal: httpx.AsyncClient, username: str, password: str) -> None:
    """Without saying which of the two was wrong, and without the password in it."""
    answer = await signed_in(portal, DASHBOARD, username=username, password=password)
    assert 401 == answer.status_code
    assert "The user name or the password is not right." in answer.text
    assert "correct horse" not in answer.text
    assert "syncline_session" not in answer.headers.get("set-cookie", "")


async def test_who_guesses_passwords_is_locked_out(portal: httpx.AsyncClient) -> None:
    """The right one no longer counts, either."""
    for _ in range(5):
        await signed_in(portal, DASHBOARD, password="wrong")
    answer = await signed_in(portal, DASHBOARD)
    assert 429 == answer.status_code
    assert int(answer.headers["retry-after"]) > 800


async def test_a_form_that_was_not_opened_here_is_refused(portal: httpx.AsyncClient) -> None:
    """CSRF: the cookie, the field and the request belong together."""
    page = await portal.get(authorize(DASHBOARD))
    other = urlencode(DASHBOARD | {"state": "other"})
    assert 403 == (await decided(portal, page, request=other)).status_code
    assert 403 == (await decided(portal, page, csrf="0" * 64)).status_code
    portal.cookies.clear()
    assert 403 == (await decided(portal, page)).status_code


async def test_a_signed_in_person_is_not_asked_again_by_our_own_console(portal: httpx.AsyncClient) -> None:
    """A trusted client gets its code at once; another one asks, but not for the password."""
    await signed_in(portal, CONSOLE)
    at_once = await portal.get(authorize(CONSOLE))
    assert (303, True) == (at_once.status_code, "code" in returned(at_once))
    page = await portal.get(authorize(DASHBOARD))
    assert "You are signed in as <strong>Ada Miles</strong>." in page.text
    assert 'name="password"' not in page.text
    assert "code" in returned(await decided(portal, page))


async def test_a_client_may_want_the_password_again(portal: httpx.AsyncClient) -> None:
    """prompt=login is obeyed, and the session alone does not pass."""
    await signed_in(portal, CONSOLE)
    page = await portal.get(authorize(CONSOLE | {"prompt": "login"}))
    assert 'name="password"' in page.text
    assert 401 == (await decided(portal, page)).status_code


async def test_a_session_ends_after_a_working_day(portal: httpx.AsyncClient, clock: SettableClock) -> None:
    """After that the password is asked for again."""
    await signed_in(portal, CONSOLE)
    clock.advance(timedelta(hours=8))
    assert 'name="password"' in (await portal.get(authorize(CONSOLE))).text


async def test_who_signs_out_is_signed_out(portal: httpx.AsyncClient) -> None:
    """The session is gone on our side, and the person is sent only to an address that was registered."""
    await signed_in(portal, CONSOLE)
    kept = dict(portal.cookies)
    elsewhere = await portal.get("/oauth/logout", params={"post_logout_redirect_uri": "https://evil.example/"})
    assert 200 == elsewhere.status_code
    back = await portal.get("/oauth/logout", params={"post_logout_redirect_uri": "https://edge.example/console/"})
    assert (303, "https://edge.example/console/") == (back.status_code, back.headers["location"])
    portal.cookies.update(kept)
    assert 'name="password"' in (await portal.get(authorize(CONSOLE))).text


async def test_cookies_and_page_are_closed_to_others(portal: httpx.AsyncClient) -> None:
    """Secure, out of reach of scripts, of frames and of other sites; the form may lead only to us and the client."""
    page = await portal.get(authorize(DASHBOARD))
    cookie = page.headers["set-cookie"]
    assert {"httponly", "secure", "samesite=strict", "path=/oauth"} <= {
        part.strip().lower() for part in cookie.split(";")
    }
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://dashboard.example" in policy
    assert "script-src" not in policy
    assert "no-store" == page.headers["cache-control"]


async def test_the_page_can_be_used_without_seeing_it(portal: httpx.AsyncClient) -> None:
    """A language, one heading, a label for each field, and names that password managers know."""
    text = (await portal.get(authorize(DASHBOARD))).text
    assert '<html lang="en">' in text
    assert 1 == text.count("<h1>")
    assert '<label for="username">' in text
    assert '<label for="password">' in text
    assert 'autocomplete="current-password"' in text
