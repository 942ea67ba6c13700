"""How much the sandbox lets one app do at once and in five minutes, as Business Central does."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from sandboxkit.app import Context
from sandboxkit.store import Store
from system_apis.erp.business_central.sandbox.limits import Limits
from system_apis.erp.business_central.sandbox.refusals import Refusal


def limits(store: Store, **config: Any) -> tuple[Limits, Context]:
    context = Context(store=store, control_key="k", base_url="http://t", config=config)
    return Limits(context), context


@pytest.fixture
def store() -> Any:
    found = Store(":memory:")
    yield found
    found.close()


async def test_five_work_the_rest_wait_and_one_too_many_is_refused(store: Store) -> None:
    """Five places; the sixth request waits for one; beyond the connections that are allowed comes 429."""
    door, _ = limits(store, connections=6)
    async with AsyncExitStack() as stack:
        for _number in range(5):
            await stack.enter_async_context(door.place())
        sixth = asyncio.create_task(_once(door))
        await asyncio.sleep(0)
        assert not sixth.done()
        with pytest.raises(Refusal) as caught:
            await _once(door)
        assert (429, {}) == (caught.value.status, caught.value.headers)
    await sixth


async def test_a_window_of_five_minutes_slides(store: Store) -> None:
    """What was asked more than five minutes ago counts no more."""
    door, context = limits(store, per_window=2)
    await _once(door)
    await _once(door)
    with pytest.raises(Refusal):
        await _once(door)
    context.clock.offset = timedelta(minutes=6)
    await _once(door)


async def _once(door: Limits) -> None:
    async with door.place():
        pass
