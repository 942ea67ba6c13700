"""Canonical ids: a prefix that names the kind and a UUIDv7 (RFC 9562), so that ids sort by the time of minting."""

from __future__ import annotations

import uuid_utils


def mint(prefix: str) -> str:
    """A new id such as `prj_01933b5e8f7a7c3e9d2b4f6a8c0e1d2f`."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"
