"""What tests of a change feed share: it never ends, so they take what they need of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest


@pytest.fixture
def collected() -> Callable[[AsyncIterator[Any], int], Coroutine[Any, Any, list[Any]]]:
    """The first so many items of a stream that never ends."""

    async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
        items: list[Any] = []
        async with asyncio.timeout(10):
            async for item in stream:
                items.append(item)
                if len(items) == count:
                    break
        return items

    return take
