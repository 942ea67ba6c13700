"""Access tokens from Microsoft Entra by client credentials. Source: automation-apis-using-s2s-authentication.md."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

import msgspec

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.upstream import Upstream
from system_apis.erp.business_central.settings import Settings

SCOPE = "https://api.businesscentral.dynamics.com/.default"
USED_SHARE = 0.8  # a token is renewed after this share of its life


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_in: int  # seconds


class EntraCredentials:
    """The `auth` of the connection's Upstream: keeps one token and renews it once at a time."""

    def __init__(self, login: Upstream, settings: Settings, clock: Clock) -> None:
        self._login = login
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at: datetime | None = None

    async def headers(self) -> Mapping[str, str]:
        """Raises MISCONFIGURED when Entra refuses the app, UNAVAILABLE or THROTTLED when it cannot answer now."""
        async with self._lock:
            if self._renew_at is None or self._clock.now() >= self._renew_at:
                await self._renew()
            return {"Authorization": f"Bearer {self._token}"}

    async def refused(self) -> None:
        self._renew_at = None

    async def _renew(self) -> None:
        asked_at = self._clock.now()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.reveal(),
            "scope": SCOPE,
        }
        answer = await self._login.send(
            "POST",
            f"/{quote(self._settings.tenant, safe='')}/oauth2/v2.0/token",
            content=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            idempotent=True,
        )
        if not answer.is_success:
            raise _refusal(answer.status_code, answer.text)
        try:
            token = msgspec.json.decode(answer.content, type=_Token)
        except msgspec.DecodeError as error:
            raise Failure(Kind.BAD_UPSTREAM, "the ERP's sign-in answered what cannot be read") from error
        self._token = token.access_token
        self._renew_at = asked_at + timedelta(seconds=token.expires_in * USED_SHARE)


def _refusal(status: int, text: str) -> Failure:
    """Entra's error body names the reason (AADSTS number) and never the secret."""
    if status in {400, 401, 403}:
        detail = "the ERP's sign-in refuses our credentials"
        return Failure(Kind.MISCONFIGURED, detail, code="credentials_refused", vendor_detail=text[:500])
    if status == 429:
        return Failure(Kind.THROTTLED, "the ERP's sign-in asks for fewer requests", vendor_detail=text[:500])
    return Failure(Kind.UNAVAILABLE, "the ERP's sign-in cannot answer right now", vendor_detail=text[:500])
