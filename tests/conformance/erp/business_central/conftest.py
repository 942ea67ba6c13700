"""The judge of the Business Central sandbox."""

from collections.abc import AsyncIterator

import pytest
from erp.business_central.judging import Judge, judged


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    async with judged() as found:
        yield found
