"""Waiting for what happens in other processes: nothing tells a caller that something changed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_S = 180.0  # of one wait; a busy machine may need ten times what a quiet one does


async def until(found: Callable[[], Coroutine[Any, Any, T | None]], what: str) -> T:
    """What `found` returns once it returns anything. Raises TimeoutError when it takes too long."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while (value := await found()) is None:  # noqa: ASYNC110  nothing tells a caller that something changed
                await asyncio.sleep(0.25)
            return value
    except TimeoutError as error:
        raise TimeoutError(f"waited {PATIENCE_S:.0f} s for {what}") from error
