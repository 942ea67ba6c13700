"""What the identity suite needs of a vendor's stage: a connected provider with seven accounts and an administrator."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx

from system_apis.identity.port import Identity


@dataclass
class Stage:
    """A connected identity provider and what its administrator can do.

    In the order in which they were made: u1 Ada Brandt, number W1; u2 Ben Vogel, no number; u3 Clara Weiss, number W3,
    deactivated; u4 and u5, both W5; u6 Dora Lenz and u7 D. Lenz, with one address between them and no number.
    """

    vendor: str
    settings: dict[str, Any]  # of the connection, as they stand in a settings file
    identity: Identity
    connect: Callable[[dict[str, Any]], Identity]  # another connection, some settings changed
    wrong_token: dict[str, Any]  # settings to change for a token that is not accepted
    control: httpx.AsyncClient
    deactivate: Callable[[str], Awaitable[None]]  # the account, in the vendor's own way
    delete: Callable[[str], Awaitable[None]]

    async def fail(self, kind: str, **fault: Any) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"kind": kind, **fault})
        assert answer.status_code == 201, answer.text

    async def written(self) -> list[str]:
        """What was asked of the vendor that could have changed something."""
        journal: list[dict[str, Any]] = (await self.control.get("/_sandbox/journal")).json()
        return [f"{row['method']} {row['path']}" for row in journal]
