"""Our token at Workday: refresh token or client credentials. Source: API Client for Integrations.

Where the client enforces no expiry, nothing says how long a token lives: it is used until the first 401.
"""

import asyncio
import base64
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.hr.workday.errors import login_failure
from system_apis.hr.workday.settings import Settings

USED_SHARE = 0.8  # a token is renewed after this share of its life, where that is known

_used: ContextVar[str] = ContextVar("workday_token_used", default="")


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    """A `refresh_token` in the answer is left aside: ours does not expire."""

    access_token: str
    expires_in: int | str | None = None


class Session:
    """The `auth` of the upstream to REST, WQL and reports. Signs in once for however many calls wait for it."""

    def __init__(self, login: Upstream, settings: Settings, clock: Clock) -> None:
        self._login = login
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: _Token | None = None
        self._renew_at: datetime | None = None

    async def headers(self) -> Mapping[str, str]:
        async with self._lock:
            if self._token is None or (self._renew_at is not None and self._clock.now() >= self._renew_at):
                self._token = await self._signed_in()
            token = self._token.access_token
        _used.set(token)
        return {"Authorization": f"Bearer {token}"}

    async def refused(self) -> None:
        """Forget the token, unless another call has already replaced the one that was refused."""
        if self._token is not None and self._token.access_token == _used.get():
            self._token = None

    async def close(self) -> None:
        await self._login.aclose()

    async def _signed_in(self) -> _Token:
        """Fails MISCONFIGURED `hr_login_refused`, or as the login is not well."""
        settings, asked_at = self._settings, self._clock.now()
        url = settings.token_url or f"{settings.base_url.rstrip('/')}/ccx/oauth2/{settings.tenant}/token"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Authorization": basic(settings.client_id, settings.client_secret.reveal()),
        }
        content = urlencode(self._form()).encode()
        response = await self._login.send("POST", url, content=content, headers=headers, idempotent=True)
        if not response.is_success:
            raise login_failure(response)
        try:
            token = msgspec.json.decode(response.content, type=_Token)
        except msgspec.DecodeError as error:
            raise Failure(Kind.BAD_UPSTREAM, "HR's login answered what cannot be read") from error
        self._renew_at = _renewal(asked_at, token.expires_in)
        return token

    def _form(self) -> dict[str, str]:
        if self._settings.refresh_token is None:
            return {"grant_type": "client_credentials"}
        return {"grant_type": "refresh_token", "refresh_token": self._settings.refresh_token.reveal()}


def basic(name: str, password: str) -> str:
    """The Authorization header of a name and a password."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def _renewal(asked_at: datetime, expires_in: int | str | None) -> datetime | None:
    """When to renew; none where the life is not told in a usable way."""
    try:
        life_s = float(expires_in or 0)
    except ValueError:
        return None
    return asked_at + timedelta(seconds=life_s * USED_SHARE) if life_s > 0 else None
