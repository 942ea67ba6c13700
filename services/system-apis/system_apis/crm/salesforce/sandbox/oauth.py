"""Tokens and sessions: JWT bearer, client credentials, refresh token. Source: help.salesforce.com, OAuth 2.0 flows.

Configuration: `consumer_key`, `consumer_secret`; `username`, as whom the integration runs; `public_key` {n, e} of the
JWT bearer flow (RFC 7518, base64url); `refresh_tokens` {token: username}; `session_s`, how long a session lasts.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from sandboxkit.app import Context
from system_apis.crm.salesforce.sandbox.identifiers import record_id
from system_apis.crm.salesforce.sandbox.records import Records, Row
from system_apis.crm.salesforce.sandbox.refusals import answer, bad_session

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
MAX_ASSERTION = timedelta(minutes=5)
# PKCS #1 v1.5: what stands before a SHA-256 digest in a signature (RFC 8017 section 9.2, note 1).
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


class _Denied(Exception):  # noqa: N818  the vendor's refusal, not an error of the sandbox
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error, description)
        self.body = {"error": error, "error_description": description}
        self.status = status


class Sessions:
    """The sessions that were given out; a token is a session id."""

    def __init__(self, context: Context, records: Records) -> None:
        self._context = context
        self._records = records
        self._config = context.config
        self.org_id = record_id("00D", 1)

    async def token(self, request: Request) -> Response:
        """The token endpoint."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        try:
            username, more = self._granted(form, request.headers.get("authorization", ""))
        except _Denied as denied:
            return answer(denied.status, denied.body)
        issued = self._context.clock.now()
        user_id = self.user_id(username)
        body = {
            "access_token": self._opened(username),
            "scope": "api id",
            "instance_url": self._context.base_url,
            "id": f"{self._context.base_url}/id/{self.org_id}/{user_id}",
            "token_type": "Bearer",
        }
        times = {"issued_at": str(int(issued.timestamp() * 1000)), "signature": secrets.token_urlsafe(32)}
        return answer(200, body | (times if more else {}))

    async def revoke(self, request: Request) -> Response:
        """Ends a session."""
        form = parse_qs((await request.body()).decode())
        token = (form.get("token") or [request.query_params.get("token", "")])[0]
        if not self._context.store.delete("Session", token):
            return answer(
                400, {"error": "unsupported_token_type", "error_description": "this token type is not supported"}
            )
        return answer(200, {})

    def user(self, authorization: str) -> str:
        """The id of the user behind a request. Raises INVALID_SESSION_ID."""
        scheme, _, token = authorization.partition(" ")
        session = self._context.store.get("Session", token.strip()) if scheme in {"Bearer", "OAuth"} else None
        now = self._context.clock.now().timestamp()
        if session is None or session["expires_at"] <= now:
            raise bad_session()
        user_id: str = session["user_id"]
        return user_id

    def expire_all(self) -> int:
        """All sessions end now; says how many there were."""
        tokens = [session["token"] for session in self._context.store.all("Session")]
        return sum(self._context.store.delete("Session", token) for token in tokens)

    def user_id(self, username: str) -> str:
        found = self._records.find("User", lambda user: user.get("Username") == username)
        known: str = found[0]["Id"] if found else record_id("005", 1)
        return known

    def _opened(self, username: str) -> str:
        token = f"{self.org_id[:15]}!AQ{secrets.token_urlsafe(48)}"
        lasts = timedelta(seconds=float(self._config.get("session_s", 7200)))
        expires_at = (self._context.clock.now() + lasts).timestamp()
        session = {"token": token, "user_id": self.user_id(username), "expires_at": expires_at}
        self._context.store.put("Session", token, session)
        return token

    def _granted(self, form: dict[str, str], authorization: str) -> tuple[str, bool]:
        """As whom the session runs, and whether the answer tells its moment and signature."""
        match form.get("grant_type", ""):
            case "client_credentials":
                self._check_client(form, authorization)
                return self._config["username"], True
            case "refresh_token":
                self._check_client(form, authorization)
                username = self._config.get("refresh_tokens", {}).get(form.get("refresh_token", ""))
                if username is None:
                    raise _Denied("invalid_grant", "expired access/refresh token")
                return username, True
            case grant if grant == JWT_BEARER:
                return self._asserted(form.get("assertion", "")), False
        raise _Denied("unsupported_grant_type", "grant type not supported")

    def _check_client(self, form: dict[str, str], authorization: str) -> None:
        key, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.startswith("Basic "):
            try:
                key, _, secret = base64.b64decode(authorization[6:], validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                raise _Denied("invalid_client", "invalid client credentials") from error
        if not _same(key, self._config["consumer_key"]):
            raise _Denied("invalid_client_id", "client identifier invalid")
        if not _same(secret, self._config.get("consumer_secret", "")) or not secret:
            raise _Denied("invalid_client", "invalid client credentials")

    def _asserted(self, assertion: str) -> str:
        """The user that a signed assertion names."""
        claims = self._verified(assertion)
        if claims.get("iss") != self._config["consumer_key"]:
            raise _Denied("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in {*HOSTS, self._context.base_url}:
            raise _Denied("invalid_grant", "audience is invalid")
        try:
            expires = float(claims["exp"])  # a number or a text: well-known libraries send the text
        except (KeyError, TypeError, ValueError) as error:
            raise _Denied("invalid_grant", "expired authorization code") from error
        left = expires - self._context.clock.now().timestamp()
        if not 0 < left <= MAX_ASSERTION.total_seconds():
            raise _Denied("invalid_grant", "expired authorization code")
        if claims.get("sub") != self._config.get("username"):
            raise _Denied("invalid_grant", "user hasn't approved this consumer")
        username: str = claims["sub"]
        return username

    def _verified(self, assertion: str) -> Row:
        try:
            head, body, signature = assertion.split(".")
            header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
            key = self._config["public_key"]
            signed = f"{head}.{body}".encode()
            valid = header.get("alg") == "RS256" and _rs256(signed, _decoded(signature), key)
        except (ValueError, KeyError, AttributeError) as error:
            raise _Denied("invalid_grant", "invalid assertion") from error
        if not valid or not isinstance(claims, dict):
            raise _Denied("invalid_grant", "invalid assertion")
        return claims


def _rs256(signed: bytes, signature: bytes, key: dict[str, Any]) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2.2)."""
    modulus, exponent = (int.from_bytes(_decoded(key[name]), "big") for name in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    if len(signature) != size:
        return False
    encoded = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    tail = _SHA256_PREFIX + hashlib.sha256(signed).digest()
    return hmac.compare_digest(encoded, b"\x00\x01" + b"\xff" * (size - len(tail) - 3) + b"\x00" + tail)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
