"""Microsoft Entra's token endpoint for client credentials as an API client sees it, and the check of its tokens.

AADSTS numbers beyond those on Microsoft's s2s page are general Entra knowledge (unverified here).
"""

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandboxkit.app import Context

AUDIENCE = "https://api.businesscentral.dynamics.com"
SCOPE = f"{AUDIENCE}/.default"
GRANT = "client_credentials"
LIFETIME_S = 3599
ROLES = ["API.ReadWrite.All", "Automation.ReadWrite.All"]


class Entra:
    """Gives tokens to the one app that the tenant knows. Tokens carry their own proof, so they survive a restart."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tenant = str(context.config["tenant"])
        self._client_id = str(context.config["client_id"])
        self._secret = str(context.config["client_secret"])

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        refusal = self._refusal(request.path_params["tenant"], form)
        if refusal is not None:
            return refusal
        token = {"token_type": "Bearer", "expires_in": LIFETIME_S, "ext_expires_in": LIFETIME_S}
        return JSONResponse(token | {"access_token": self._minted()}, headers={"Cache-Control": "no-store"})

    def accepts(self, authorization: str) -> bool:
        """Whether the header holds a token of ours for Business Central that has not expired."""
        scheme, _, token = authorization.partition(" ")
        head, _, signature = token.strip().rpartition(".")
        if scheme.lower() != "bearer" or not hmac.compare_digest(signature.encode(), self._signature(head).encode()):
            return False
        try:
            claims = json.loads(_unpacked(head.partition(".")[2]))
        except (binascii.Error, ValueError):
            return False
        fits = claims["aud"] == AUDIENCE and claims["tid"] == self._tenant
        return bool(fits and claims["exp"] > self._context.clock.now().timestamp())

    def _refusal(self, tenant: str, form: dict[str, str]) -> Response | None:
        client, scope = form.get("client_id", ""), form.get("scope", "")
        secret = form.get("client_secret", "").encode()
        missing = next((name for name in ("grant_type", "client_id", "scope") if not form.get(name)), "")
        absent = f"The request body must contain the following parameter: '{missing}'."
        stranger = f"Application with identifier '{client}' was not found in the directory."
        bad_scope = f"The provided value for scope {scope} is not valid."
        checks: tuple[tuple[bool, int, str, int, str], ...] = (
            (tenant == self._tenant, 400, "invalid_request", 90002, f"Tenant '{tenant}' not found."),
            (not missing, 400, "invalid_request", 900144, absent),
            (form.get("grant_type") == GRANT, 400, "unsupported_grant_type", 70003, "The grant type is not supported."),
            (client == self._client_id, 400, "unauthorized_client", 700016, stranger),
            (_same(secret, self._secret), 401, "invalid_client", 7000215, "Invalid client secret provided."),
            (scope.endswith("/.default"), 400, "invalid_scope", 1002012, bad_scope),
            (scope == SCOPE, 400, "invalid_resource", 500011, "The resource principal was not found in the tenant."),
        )
        broken = next((check for check in checks if not check[0]), None)
        return None if broken is None else self._no(*broken[1:])

    def _no(self, status: int, error: str, number: int, text: str) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = self._context.clock.now().strftime("%Y-%m-%d %H:%M:%SZ")
        told = f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        body: dict[str, Any] = {
            "error": error,
            "error_description": told,
            "error_codes": [number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={number}",
        }
        return JSONResponse(body, status)

    def _minted(self) -> str:
        now = int(self._context.clock.now().timestamp())
        claims = {"aud": AUDIENCE, "iss": f"https://sts.windows.net/{self._tenant}/", "tid": self._tenant}
        claims |= {"appid": self._client_id, "uti": uuid.uuid4().hex}
        head = f"{_packed({'typ': 'JWT', 'alg': 'HS256'})}.{_packed(claims | _times(now))}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        digest = hmac.digest(self._secret.encode(), head.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _same(given: bytes, secret: str) -> bool:
    return hmac.compare_digest(given, secret.encode())


def _times(now: int) -> dict[str, Any]:
    return {"iat": now, "nbf": now, "exp": now + LIFETIME_S, "roles": ROLES}


def _packed(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
