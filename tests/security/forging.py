"""Access tokens, sound ones and every kind of forgery, made with the issuer's own key or with the attacker's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc.jwk import RSAKey
from running_system import RunningSystem

from launcher.settings import DEMO_SCOPES, issuer
from process_apis.finding import processes, scopes_of
from servicekit.clock import SystemClock

LIFE = timedelta(minutes=15)
#: What a good token of the attacker may do: as much as any client of the layer, so that no scope stops it early.
SCOPES = {
    "experience": tuple(one for one in DEMO_SCOPES if one.startswith("experience.")),
    "process": tuple(one for one in DEMO_SCOPES if not one.startswith("experience.") and one != "actor.assert"),
    "system": (
        *(scope for process in processes() for scope in scopes_of(process).needed),
        "identity.accounts.read",
    ),
}


class Forge:
    """Makes tokens. The issuer's key is read where the issuer keeps it; the attacker's own is made here."""

    def __init__(self, system: RunningSystem, client_id: str) -> None:
        stored = json.loads((system.site.places.secrets / "issuer-keys.json").read_bytes())
        keys = stored["keys"] if isinstance(stored, dict) else stored
        self.issuers = RSAKey.import_key(keys[-1]["jwk"])
        self.own = RSAKey.generate_key(2048, {"kid": "hostile"})
        self._issuer = issuer(system.site)
        self._client_id = client_id

    @property
    def kid(self) -> str:
        """The id of the issuer's key."""
        return str(self.issuers.kid)

    def header(self, **changes: Any) -> dict[str, Any]:
        """A sound header, changed."""
        return {"alg": "RS256", "typ": "at+jwt", "kid": self.kid} | changes

    def claims(
        self, layer: str, *, life: timedelta = LIFE, scopes: tuple[str, ...] = (), **changes: Any
    ) -> dict[str, Any]:
        """Sound claims for a layer, changed."""
        now = SystemClock().now()
        return {
            "iss": self._issuer,
            "sub": self._client_id,
            "aud": f"syncline-{layer}",
            "client_id": self._client_id,
            "scope": " ".join(scopes or sorted(set(SCOPES[layer]))),
            "iat": int((now - timedelta(minutes=1)).timestamp()),
            "exp": int((now + life).timestamp()),
            "jti": secrets.token_hex(8),
        } | changes

    def token(self, layer: str, **changes: Any) -> str:
        """A token as the issuer makes it, its claims changed."""
        return self.signed(self.header(), self.claims(layer, **changes))

    def signed(self, header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, *, own: bool = False) -> str:
        """Signed with RS256 by the issuer's key, or by the attacker's own, whatever the header says."""
        content = f"{encoded(header)}.{encoded(claims)}"
        key = (self.own if own else self.issuers).private_key
        assert isinstance(key, rsa.RSAPrivateKey)
        return f"{content}.{encoded(key.sign(content.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def shared(self, header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
        """Signed with HMAC-SHA256 under a secret that everybody knows."""
        content = f"{encoded(header)}.{encoded(claims)}"
        return f"{content}.{encoded(hmac.new(secret, content.encode(), hashlib.sha256).digest())}"

    def public_pem(self) -> bytes:
        """The issuer's public key as a file: the secret of the oldest forgery."""
        key = self.issuers.public_key
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def encoded(part: dict[str, Any] | bytes) -> str:
    """A part of a token."""
    raw = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
