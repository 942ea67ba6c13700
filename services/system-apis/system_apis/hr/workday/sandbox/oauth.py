"""Tokens and credentials: refresh token and client credentials; the integration user's Basic for reports.

Configuration: `tenant`; `client_id`, `client_secret`, `refresh_token` of the API client; `username`, `password` of the
integration system user; `report_owner`; `expires_in` in seconds, 0 for a client that does not enforce an expiry.
"""

import base64
import binascii
import hmac
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandboxkit.app import Context
from system_apis.hr.workday.sandbox.refusals import Refusal, not_found, unauthorized

SILENT_LIFE_S = 6 * 3600  # what a token lives whose client does not enforce 60 minutes


class Access:
    """Who may come in, by which door."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._config = context.config

    def check_tenant(self, request: Request) -> None:
        if request.path_params["tenant"] != self._config["tenant"]:
            raise not_found()

    async def token(self, request: Request) -> Response:
        """The token endpoint."""
        self.check_tenant(request)
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        given = basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        wanted = (str(self._config["client_id"]), str(self._config["client_secret"]))
        if not _same(given, wanted):
            return JSONResponse({"error": "invalid_client"}, 401)
        match form.get("grant_type", ""):
            case "client_credentials":
                return JSONResponse(self._issued())
            case "refresh_token":
                if not _same((form.get("refresh_token", ""),), (str(self._config.get("refresh_token", "")),)):
                    return JSONResponse({"error": "invalid_grant"}, 400)
                return JSONResponse(self._issued())
        return JSONResponse({"error": "invalid_request", "error_description": "Invalid request"}, 400)

    def check_bearer(self, request: Request) -> None:
        """Raises the 401 of a missing or stale token. A user name and password are no way into REST."""
        self.check_tenant(request)
        if not self._bearer_holds(request):
            raise unauthorized()

    def check_report(self, request: Request) -> None:
        """Reports take a token, or the integration user's name and password."""
        self.check_tenant(request)
        if self._bearer_holds(request):
            return
        if not _same(basic(request) or ("", ""), self.user()):
            raise Refusal(401, {"error": "invalid username or password"})

    def user(self) -> tuple[str, str]:
        return str(self._config["username"]), str(self._config["password"])

    def expire_all(self) -> int:
        """All tokens are stale from now on; says how many there were."""
        store = self._context.store
        return sum(store.delete("token", record["token"]) for record in list(store.all("token")))

    def _issued(self) -> dict[str, Any]:
        token = secrets.token_urlsafe(32)
        life_s = int(self._config.get("expires_in", 3600))
        expires = self._context.clock.now() + timedelta(seconds=life_s or SILENT_LIFE_S)
        self._context.store.put("token", token, {"token": token, "expires": expires.timestamp()})
        body = {"access_token": token, "token_type": "Bearer"}
        return body | ({"expires_in": life_s} if life_s else {})

    def _bearer_holds(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        record = self._context.store.get("token", token) if scheme == "Bearer" else None
        return record is not None and record["expires"] > self._context.clock.now().timestamp()


def basic(request: Request) -> tuple[str, str] | None:
    """Name and password of the Authorization header."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme != "Basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password


def _same(given: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    pairs = zip(given, wanted, strict=True)
    return all(w != "" and hmac.compare_digest(g.encode(), w.encode()) for g, w in pairs)
