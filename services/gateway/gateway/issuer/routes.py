"""The issuer's endpoints. Sources: RFC 6749, RFC 8414, RFC 9700; OpenID Connect RP-Initiated Logout 1.0."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from anyio import to_thread
from authlib.oauth2 import OAuth2Error
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency

from gateway.issuer.authlib_server import Answer, OAuthRequest, OAuthServer, RefusedError, SignedIn
from gateway.issuer.consent_page import consent_page, policy, refusal_page, signed_out_page
from gateway.issuer.keys import SigningKeys
from gateway.issuer.people import People
from gateway.settings import ClientSettings
from servicekit.failures import Failure

HttpRequest = Request[Any, Any, Any]
Pairs = list[tuple[str, str]]

SESSION = "syncline_session"
CSRF = "syncline_csrf"
MAX_FIELDS = 50

_FORM = "application/x-www-form-urlencoded"
_HTML = "text/html"


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoints work with."""

    url: str
    server: OAuthServer
    people: People
    keys: SigningKeys
    clients: tuple[ClientSettings, ...]
    csrf_key: bytes  # made at start: a page from before a restart has to be opened again

    def csrf(self, cookie: str, query: str) -> str:
        """The proof that a form was made by us, for this browser and this request."""
        return hmac.new(self.csrf_key, f"{cookie}\n{query}".encode(), hashlib.sha256).hexdigest()

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by HTTPS."""
        return self.url.startswith("https:")


class OAuthRoutes(Controller):
    """Open to everyone; each endpoint has its own way of telling who asks."""

    path = "/oauth"
    include_in_schema = False

    @post("/token")
    async def token(self, request: HttpRequest, issuer: NamedDependency[Issuer]) -> Response[bytes]:
        """Tokens for a client's own secret, or for a code."""
        try:
            asked = await _posted(request)
        except OAuth2Error as error:
            return _json(issuer.server.refusal(error))
        return _json(await to_thread.run_sync(issuer.server.token, asked))

    @get("/authorize")
    async def ask(self, request: HttpRequest, issuer: NamedDependency[Issuer]) -> Response[bytes]:
        """The page, or straight back when a signed-in person need not be asked."""
        query = request.scope["query_string"].decode("latin-1")
        signed_in = issuer.people.sessions.get(request.cookies.get(SESSION, ""))
        try:
            asked = OAuthRequest("GET", _pairs(query), address=_address(request))
            client = issuer.server.consent(asked)
            prompts = asked.form.get("prompt", "").split()
            if signed_in and client.trusted and not {"login", "consent"} & set(prompts):
                return _redirect(issuer.server.authorize(asked, signed_in))
            if "none" in prompts:
                raise _back(asked, "consent_required" if signed_in else "login_required")
        except OAuth2Error as error:
            return _refused(issuer, error)
        return _page(issuer, request, client, asked, query, signed_in=None if "login" in prompts else signed_in)

    @post("/authorize")
    async def decide(self, request: HttpRequest, issuer: NamedDependency[Issuer]) -> Response[bytes]:
        """A person's decision; the request itself is checked again from its beginning."""
        form = dict(parse_qsl((await request.body()).decode("latin-1"), keep_blank_values=True))
        query = form.get("request", "")
        expected = issuer.csrf(request.cookies.get(CSRF, ""), query)
        if not request.cookies.get(CSRF) or not hmac.compare_digest(expected, form.get("csrf", "")):
            return _html(refusal_page("This page is too old or was not opened here. Please start again."), status=403)
        try:
            asked = OAuthRequest("GET", _pairs(query), address=_address(request))
            client = issuer.server.consent(asked)
            if form.get("decision") != "allow":
                return _redirect(issuer.server.authorize(asked, None))
            signed_in = await _who(request, issuer, asked, form)
            answer = issuer.server.authorize(asked, signed_in)
        except OAuth2Error as error:
            return _refused(issuer, error)
        except Failure as failure:
            username = form.get("username", "")
            return _page(issuer, request, client, asked, query, signed_in=None, failure=failure, username=username)
        return _redirect(answer, _cookie(issuer, SESSION, issuer.people.sessions.put(signed_in), same_site="lax"))

    @get("/jwks")
    async def jwks(self, issuer: NamedDependency[Issuer]) -> Response[bytes]:
        """The public keys."""
        keys = await to_thread.run_sync(issuer.keys.published)
        headers = {"Cache-Control": "public, max-age=60"}
        return Response(msgspec.json.encode(keys), media_type="application/jwk-set+json", headers=headers)

    @get("/logout")
    async def sign_out(self, request: HttpRequest, issuer: NamedDependency[Issuer]) -> Response[bytes]:
        """Ends the session and sends the person back, if the place is one that was registered."""
        issuer.people.sessions.take(request.cookies.get(SESSION, ""))
        wanted = request.query_params.get("post_logout_redirect_uri", "")
        gone = Cookie(key=SESSION, path="/oauth", max_age=0)
        if any(wanted in client.post_logout_redirect_uris for client in issuer.clients):
            return Response(b"", status_code=303, headers={"Location": wanted}, cookies=[gone])
        return _html(signed_out_page(), cookies=[gone])


async def _posted(request: HttpRequest) -> OAuthRequest:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise RefusedError("invalid_request", f"The body must be {_FORM}.")
    return OAuthRequest(
        "POST",
        _pairs((await request.body()).decode("latin-1")),
        authorization=request.headers.get("authorization", ""),
        address=_address(request),
    )


async def _who(request: HttpRequest, issuer: Issuer, asked: OAuthRequest, form: dict[str, str]) -> SignedIn:
    """By password, or by session unless the client wants the password again."""
    known = issuer.people.sessions.get(request.cookies.get(SESSION, ""))
    if known and "username" not in form and "login" not in asked.form.get("prompt", "").split():
        return known
    return await to_thread.run_sync(
        issuer.people.sign_in, form.get("username", ""), form.get("password", ""), _address(request)
    )


def _page(
    issuer: Issuer,
    request: HttpRequest,
    client: ClientSettings,
    asked: OAuthRequest,
    query: str,
    *,
    signed_in: SignedIn | None,
    failure: Failure | None = None,
    username: str = "",
) -> Response[bytes]:
    cookie = request.cookies.get(CSRF) or secrets.token_urlsafe(32)
    content = consent_page(
        client,
        scope=asked.form.get("scope", ""),
        query=query,
        csrf=issuer.csrf(cookie, query),
        signed_in=signed_in,
        alert=failure.detail if failure else "",
        username=username,
    )
    answer = _html(
        content,
        status=failure.kind.status if failure else 200,
        cookies=[_cookie(issuer, CSRF, cookie, same_site="strict")],
        policy_text=policy(asked.form.get("redirect_uri", "")),
    )
    if failure and failure.retry_after_s:
        answer.headers["Retry-After"] = str(int(failure.retry_after_s))
    return answer


def _back(asked: OAuthRequest, error: str) -> OAuth2Error:
    """To the client, whose redirect_uri has been checked by now."""
    refused = RefusedError(error, "No page may be shown, but one is needed.")
    refused.redirect_uri = asked.form.get("redirect_uri", "")
    refused.state = asked.form.get("state")
    return refused


def _refused(issuer: Issuer, error: Any) -> Response[bytes]:
    """Back to the client when its redirect_uri is proven, else to the person."""
    if error.redirect_uri:
        return _redirect(issuer.server.refusal(error))
    return _html(refusal_page(str(error.description or "The request is not valid.")), status=400)


def _redirect(answer: Answer, *cookies: Cookie) -> Response[bytes]:
    """303, so that no browser sends a password on (RFC 9700 section 4.12)."""
    return Response(b"", status_code=303, headers=answer.headers, media_type=_HTML, cookies=list(cookies))


def _json(answer: Answer) -> Response[bytes]:
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
    return Response(
        msgspec.json.encode(answer.body), status_code=answer.status, media_type="application/json", headers=headers
    )


def _html(
    content: bytes, *, status: int = 200, cookies: Sequence[Cookie] = (), policy_text: str = policy("")
) -> Response[bytes]:
    headers = {"Content-Security-Policy": policy_text, "Cache-Control": "no-store"}
    return Response(content, status_code=status, media_type=_HTML, headers=headers, cookies=list(cookies))


def _cookie(issuer: Issuer, name: str, value: str, *, same_site: Any) -> Cookie:
    return Cookie(key=name, value=value, path="/oauth", httponly=True, secure=issuer.secure, samesite=same_site)


def _pairs(text: str) -> Pairs:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise RefusedError("invalid_request", "There are too many parameters.") from error


def _address(request: HttpRequest) -> str:
    """As the edge saw it; without an edge, the socket's."""
    seen = request.headers.get("x-envoy-external-address", "")
    return seen or (request.client.host if request.client else "")
