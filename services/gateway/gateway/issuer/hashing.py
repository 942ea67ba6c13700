"""Hashes of secrets, as settings hold them. Source: RFC 7914 (scrypt)."""

import base64
import hashlib
import hmac
import secrets

# 16 MiB and 0.1 to 0.2 s: one of the settings of the OWASP password storage cheat sheet. Attempts are counted as well.
_N, _R, _P = 2**14, 8, 5

# Takes as long to compare as any other hash, and is the hash of nothing anyone knows.
NOBODY = f"scrypt${_N}${_R}${_P}$AAAAAAAAAAAAAAAAAAAAAA==$AAAA"


def hashed(secret: str, *, generated: bool = False) -> str:
    """The hash of a password, or of a *generated* secret (128 random bits or more), which is far cheaper to check."""
    if generated:
        return f"sha256${hashlib.sha256(secret.encode()).hexdigest()}"
    salt = secrets.token_bytes(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_scrypt(secret, salt, _N, _R, _P))}"


def matches(secret: str, stored: str) -> bool:
    """Whether *secret* is the one that *stored* was made of; False for a hash that cannot be read."""
    match stored.split("$"):
        case ["sha256", digest]:
            return hmac.compare_digest(hashlib.sha256(secret.encode()).hexdigest(), digest)
        case ["scrypt", n, r, p, salt, digest]:
            found = _scrypt(secret, base64.b64decode(salt), int(n), int(r), int(p))
            return hmac.compare_digest(found, base64.b64decode(digest))
        case _:
            return False


def _scrypt(secret: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=n, r=r, p=p, maxmem=64 * 1024 * 1024)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
