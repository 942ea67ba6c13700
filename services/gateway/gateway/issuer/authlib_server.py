"""Authlib's framework-free core, joined to our clients, people and tokens. Source: docs.authlib.org, OAuth 2 provider.

Authlib carries no types: everything untyped stays in this module.
"""

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import msgspec
import structlog
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6749.requests import OAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge

from gateway.issuer.expiring import Expiring
from gateway.issuer.hashing import matches
from gateway.issuer.lockout import Lockout
from gateway.issuer.tokens import Grant, Tokens
from gateway.settings import ClientSettings, PersonSettings
from servicekit.clock import Clock

CODE_LIFE = timedelta(seconds=60)
IDENTITY_SCOPES = ("openid", "profile", "email")

# Authlib puts parameters into its error texts, where RFC 6749 allows neither quotes, backslashes nor non-ASCII.
_SPEAKABLE = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")
_SPOKEN = ("client_id", "redirect_uri", "response_type", "grant_type", "scope", "resource", "code_challenge_method")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back to the caller: JSON, or a redirect."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A person and the moment when they proved who they are."""

    person: PersonSettings
    at: datetime


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization code stands for."""

    grant: Grant
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str = "S256"


class RefusedError(OAuth2Error):  # type: ignore[misc]  # Authlib is untyped
    """An OAuth error of ours; *retry_after_s* is told when waiting helps."""

    def __init__(self, error: str, description: str, *, status: int = 400, retry_after_s: int = 0) -> None:
        super().__init__(description, status_code=status, error=error)
        self._retry_after_s = retry_after_s

    def get_headers(self) -> list[tuple[str, str]]:
        headers: list[tuple[str, str]] = super().get_headers()
        return [*headers, ("Retry-After", str(self._retry_after_s))] if self._retry_after_s else headers


class _Payload(OAuth2Payload):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._lists[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._lists.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._lists


class OAuthRequest(OAuth2Request):  # type: ignore[misc]  # Authlib is untyped
    """One request to an OAuth endpoint. `address` is where it comes from; errors are raised here as `RefusedError`."""

    def __init__(
        self, method: str, pairs: Sequence[tuple[str, str]], *, authorization: str = "", address: str = ""
    ) -> None:
        # The edge ends TLS, so this process sees plain HTTP; Authlib would refuse that.
        super().__init__(method, "https://issuer", headers={"Authorization": _basic(authorization)})
        self.payload = _Payload(pairs)
        self.address = address
        self.audience = ""
        self.signed_in: SignedIn | None = None
        for name in _SPOKEN:
            if not all(_SPEAKABLE.fullmatch(value) for value in self.payload.datalist.get(name, [])):
                raise RefusedError("invalid_request", f"The parameter {name} holds a character that is not allowed.")
        if method == "POST" and any(len(values) > 1 for values in self.payload.datalist.values()):
            raise RefusedError("invalid_request", "A parameter is given more than once.")

    @property
    def args(self) -> dict[str, str]:
        return self.form

    @property
    def form(self) -> dict[str, str]:
        data: dict[str, str] = self.payload.data
        return data

    @property
    def claimed_client(self) -> str:
        """The client that the request says it is from."""
        encoded = self.headers["Authorization"].partition(" ")[2]
        if encoded:
            return unquote(base64.b64decode(encoded).decode().partition(":")[0])
        return self.form.get("client_id", "")


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib is untyped
    """A client's settings in the words of Authlib."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings

    def get_client_id(self) -> str:
        return self.settings.id

    def get_default_redirect_uri(self) -> str:
        return ""  # a request always says where to go

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """All of the client's scopes when none is asked for; None (invalid_scope) when one is not its own."""
        own = [*self.settings.scopes, *(IDENTITY_SCOPES if "authorization_code" in self.settings.grant_types else ())]
        wanted = scope.split() if scope else self.settings.scopes
        return " ".join(dict.fromkeys(wanted)) if set(wanted) <= set(own) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.settings.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.settings.secret_hash) and matches(client_secret, self.settings.secret_hash.reveal())  # type: ignore[union-attr]

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return (method == "none") is (self.settings.secret_hash is None)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.settings.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.settings.grant_types


class _ClientCredentials(grants.ClientCredentialsGrant):  # type: ignore[misc]  # Authlib is untyped
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def validate_token_request(self) -> None:
        super().validate_token_request()
        self.request.audience = _audience(self.request, self.request.client)

    def generate_token(self, scope: str | None = None, **_: Any) -> dict[str, Any]:
        allowed = self.request.client.get_allowed_scope(scope)
        if allowed is None:
            raise RefusedError("invalid_scope", "A scope is not one of this client.")
        grant = Grant(client_id=self.request.client.get_client_id(), audience=self.request.audience, scope=allowed)
        return self.server.tokens.issue(grant)  # type: ignore[no-any-return]


class _StoredCode(AuthorizationCodeMixin):  # type: ignore[misc]  # Authlib is untyped
    def __init__(self, code: Code) -> None:
        self.code = code
        self.code_challenge = code.code_challenge
        self.code_challenge_method = code.code_challenge_method

    def get_redirect_uri(self) -> str:
        return self.code.redirect_uri

    def get_scope(self) -> str:
        return self.code.grant.scope


class _AuthorizationCode(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib is untyped
    TOKEN_ENDPOINT_AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")

    def validate_authorization_request(self) -> str:
        redirect_uri: str = super().validate_authorization_request()
        try:
            self.request.audience = _audience(self.request, self.request.client)
        except OAuth2Error as error:
            error.redirect_uri = redirect_uri
            raise
        return redirect_uri

    def save_authorization_code(self, code: str, request: OAuthRequest) -> None:
        assert request.signed_in
        person = request.signed_in.person
        granted = [scope for scope in request.scope.split() if scope in (*person.scopes, *IDENTITY_SCOPES)]
        stored = Code(
            grant=Grant(
                client_id=request.client.get_client_id(),
                audience=request.audience,
                scope=" ".join(granted),
                person=person,
                signed_in_at=request.signed_in.at,
                nonce=request.form.get("nonce", ""),
            ),
            redirect_uri=request.form.get("redirect_uri", ""),
            code_challenge=request.form["code_challenge"],
        )
        self.server.codes.put(stored, code)

    def query_authorization_code(self, code: str, client: _Client) -> _StoredCode | None:
        """Taken out with the first look: a code that was tried once, rightly or not, is of no use to anyone."""
        found: Code | None = self.server.codes.take(code)
        return _StoredCode(found) if found and found.grant.client_id == client.get_client_id() else None

    def delete_authorization_code(self, authorization_code: _StoredCode) -> None:
        """Already gone since it was looked up."""

    def authenticate_user(self, authorization_code: _StoredCode) -> PersonSettings | None:
        asked = self.request.payload.datalist.get("resource", [])
        if asked and asked != [authorization_code.code.grant.audience]:
            raise RefusedError("invalid_target", "The resource is not the one that was authorized.")
        return authorization_code.code.grant.person

    def generate_token(self, **_: Any) -> dict[str, Any]:
        return self.server.tokens.issue(self.request.authorization_code.code.grant)  # type: ignore[no-any-return]


class _S256(CodeChallenge):  # type: ignore[misc]  # Authlib is untyped
    """PKCE for every client, and only S256 (RFC 9700 section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        super().validate_code_challenge(grant, redirect_uri)
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required.")


class OAuthServer(AuthorizationServer):  # type: ignore[misc]  # Authlib is untyped
    """The authorization server. Every method may block for about 0.1 s (scrypt, RSA): call it in a thread."""

    def __init__(
        self, issuer: str, clients: Sequence[ClientSettings], tokens: Tokens, lockout: Lockout, clock: Clock
    ) -> None:
        super().__init__()
        self._issuer = issuer
        self._clients = {client.id: _Client(client) for client in clients}
        self._lockout = lockout
        self.tokens = tokens
        self.codes: Expiring[Code] = Expiring(clock, CODE_LIFE)
        self.register_grant(_ClientCredentials)
        self.register_grant(_AuthorizationCode, [_S256(required=True)])

    def token(self, request: OAuthRequest) -> Answer:
        """The token endpoint. Errors are answers, too."""
        answer: Answer = self.create_token_response(request)
        return answer

    def consent(self, request: OAuthRequest) -> ClientSettings:
        """The client that asks a person for consent. Raises OAuth2Error, with redirect_uri when that is proven."""
        grant = self.get_consent_grant(request)
        settings: ClientSettings = grant.client.settings
        return settings

    def authorize(self, request: OAuthRequest, signed_in: SignedIn | None) -> Answer:
        """The redirect with a code, or with access_denied when nobody agreed. Raises OAuth2Error like `consent`."""
        grant = self.get_consent_grant(request)
        request.signed_in = signed_in
        answer: Answer = self.create_authorization_response(
            request, grant_user=signed_in and signed_in.person, grant=grant
        )
        return answer

    def refusal(self, error: Exception) -> Answer:
        """An OAuth2Error as its answer."""
        answer: Answer = self.handle_error_response(None, error)
        return answer

    def query_client(self, client_id: str) -> _Client | None:
        return self._clients.get(client_id)

    def authenticate_client(self, request: OAuthRequest, methods: Sequence[str], endpoint: str = "token") -> _Client:
        """One answer for every way to be wrong: which client exists is nobody's business."""
        key = f"client {request.claimed_client} {request.address}"
        if wait_s := self._lockout.wait_s(key):
            raise RefusedError("invalid_client", "Too many failed attempts.", status=429, retry_after_s=wait_s)
        try:
            client: _Client = super().authenticate_client(request, methods, endpoint)
        except InvalidClientError as error:
            self._lockout.failed(key)
            structlog.get_logger(__name__).warning("client_refused", client_id=request.claimed_client)
            raise InvalidClientError("Client authentication failed.", status_code=401) from error
        self._lockout.succeeded(key)
        return client

    def create_oauth2_request(self, request: OAuthRequest) -> OAuthRequest:
        return request

    def save_token(self, token: dict[str, Any], request: OAuthRequest) -> None:
        """A token carries everything itself."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Answer:
        fields = dict(headers) | {"Cache-Control": "no-store", "Pragma": "no-cache"}
        if "Location" in fields:  # RFC 9207: the client sees from whom it comes
            fields["Location"] = add_params_to_uri(fields["Location"], [("iss", self._issuer)])
        return Answer(status=status, body=body or {}, headers=fields)


def _audience(request: OAuthRequest, client: _Client) -> str:
    """RFC 8707, with our audiences as resources; left out, it is the client's only one."""
    own = client.settings.audiences
    asked = request.payload.datalist.get("resource", [])
    if not asked and len(own) == 1:
        return own[0]
    if len(asked) == 1 and asked[0] in own:
        audience: str = asked[0]
        return audience
    raise RefusedError("invalid_target", f"State one resource of: {', '.join(own)}.")


def _basic(authorization: str) -> str:
    """The header, if it is readable Basic; else nothing, which fails as a missing one does."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or not encoded.strip():
        return ""
    try:
        base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return f"Basic {encoded}"
