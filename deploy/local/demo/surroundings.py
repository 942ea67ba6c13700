"""What the day's script is told about the running system: the edge, and each platform as its administrator knows it."""

from typing import Any

import msgspec


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's sandbox: its address, and the credentials and accounts that it accepts."""

    address: str
    config: dict[str, Any]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """`client_id` may act for the firm's people; `director` is the one who may approve large deals."""

    edge: str
    client_id: str
    client_secret: str
    director: str
    clock_file: str  # the seconds by which everybody's clock is moved
    control_key: str
    connections: dict[str, list[str]]
    platforms: dict[str, Platform]
