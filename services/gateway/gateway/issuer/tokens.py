"""Makes tokens: access tokens by RFC 9068 and ID tokens by OpenID Connect Core 1.0, section 2."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
from joserfc import jwt

from gateway.issuer.keys import SigningKeys
from gateway.settings import PersonSettings
from servicekit.clock import Clock

ALGORITHM = "RS256"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What is granted to whom. Without a person the client acts for itself."""

    client_id: str
    audience: str
    scope: str
    person: PersonSettings | None = None
    signed_in_at: datetime | None = None
    nonce: str = ""


class Tokens:
    """Signs with the current key; a token says everything itself, so none is stored."""

    def __init__(self, issuer: str, keys: SigningKeys, clock: Clock, *, life_s: int) -> None:
        self._issuer = issuer
        self._keys = keys
        self._clock = clock
        self._life_s = life_s

    def issue(self, grant: Grant) -> dict[str, Any]:
        """The answer of the token endpoint (RFC 6749 section 5.1)."""
        answer: dict[str, Any] = {
            "access_token": self._signed("at+jwt", self._access(grant)),
            "token_type": "Bearer",
            "expires_in": self._life_s,
            "scope": grant.scope,
        }
        if grant.person and "openid" in grant.scope.split():
            answer["id_token"] = self._signed("JWT", self._identity(grant, grant.person))
        return answer

    def _access(self, grant: Grant) -> dict[str, Any]:
        claims = self._common(grant) | {
            "aud": grant.audience,
            "client_id": grant.client_id,
            "scope": grant.scope,
            "jti": str(uuid4()),
        }
        if grant.person:
            claims["name"] = grant.person.name
        return claims

    def _identity(self, grant: Grant, person: PersonSettings) -> dict[str, Any]:
        claims = self._common(grant) | {
            "aud": grant.client_id,
            "name": person.name,
            "preferred_username": person.username,
        }
        if person.email:
            claims["email"] = person.email
        if grant.nonce:
            claims["nonce"] = grant.nonce
        return claims

    def _common(self, grant: Grant) -> dict[str, Any]:
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": grant.person.id if grant.person else grant.client_id,
            "iat": now,
            "exp": now + self._life_s,
        }
        if grant.signed_in_at:
            claims["auth_time"] = int(grant.signed_in_at.timestamp())
        return claims

    def _signed(self, kind: str, claims: dict[str, Any]) -> str:
        key = self._keys.current()
        return jwt.encode({"alg": ALGORITHM, "typ": kind, "kid": key.kid}, claims, key)
