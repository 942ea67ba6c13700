"""Who calls: every client of the issuer and every role of the approval matrix, found there, with real tokens.

No client may do everything, so one more caller has a token with every scope of a contract, signed by the issuer's key:
it reaches what the others are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
from apis import scopes_of
from joserfc import jwt
from joserfc.jwk import RSAKey
from running_system import RunningSystem

from demo.authorities import matrix
from launcher.settings import CLIENTS, issuer
from servicekit.auth import ACTOR_SCOPE
from servicekit.clock import SystemClock

EVERYTHING = "everything"
PARTNER = "partner@partner.example"  # a person in no line of the approval matrix
_TOKEN_LIFE = timedelta(hours=2)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One caller of one API, with those of its scopes that it has; `actor` is the person that it names."""

    name: str
    client: str = ""
    actor: str = ""
    scopes: frozenset[str] = frozenset()


def callers(layer: str, contract: dict[str, Any]) -> Iterator[Caller]:
    """Everybody who holds a token of the layer; who has none of the contract's scopes among them, to be refused."""
    yield Caller(name=EVERYTHING, scopes=frozenset(scopes_of(contract)))
    for name, layers, scopes in CLIENTS:
        if layer not in layers:
            continue
        held = frozenset(scopes) & scopes_of(contract)
        yield Caller(name=name, client=name, scopes=held)
        if layer == "process" and "actor.assert" in scopes:
            yield from (Caller(name=f"{name} as {who}", client=name, actor=who, scopes=held) for who in _people())


def _people() -> tuple[str, ...]:
    """One person of each role in the approval matrix, and one of none."""
    of_role = {line["role"]: line["actor"] for line in reversed(matrix())}
    return (*sorted(of_role.values()), PARTNER)


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """How a run of schemathesis gets its tokens: one that is given, or the client's own from the issuer."""

    token: str = ""
    token_url: str = ""
    resource: str = ""
    client: str = ""
    client_secret: str = ""


def credentials(system: RunningSystem, layer: str, contract: dict[str, Any], caller: Caller) -> Credentials:
    if not caller.client:
        return Credentials(token=_signed(system, layer, {*scopes_of(contract), ACTOR_SCOPE}))
    return Credentials(
        token_url=f"{system.site.origin}/oauth/token",
        resource=f"syncline-{layer}",
        client=caller.client,
        client_secret=system.site.vault.secret(f"client {caller.client}"),
    )


def _signed(system: RunningSystem, layer: str, scopes: set[str]) -> str:
    stored = msgspec.json.decode((system.site.places.secrets / "issuer-keys.json").read_bytes())
    keys = stored["keys"] if isinstance(stored, dict) else stored
    key = RSAKey.import_key(keys[-1]["jwk"])
    now = SystemClock().now()
    claims = {
        "iss": issuer(system.site),
        "sub": "fuzz",
        "aud": f"syncline-{layer}",
        "client_id": f"fuzz-{os.urandom(4).hex()}",
        "scope": " ".join(sorted(scopes)),
        "iat": int(now.timestamp()),
        "exp": int((now + _TOKEN_LIFE).timestamp()),
        "jti": os.urandom(8).hex(),
    }
    return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": key.kid}, claims, key)
