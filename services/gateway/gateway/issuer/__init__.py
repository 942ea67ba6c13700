"""A small real OAuth 2.0 and OpenID Connect issuer for local installations. Sources: RFC 6749, 7636, 8707, 9068."""

from gateway.issuer.hashing import hashed

__all__ = ["hashed"]
