"""The billing service, whose connection billing-de is the stage's sandbox."""

from collections.abc import AsyncIterator

import pytest
from billing.stage import Stage
from running_billing import Running, running_service


@pytest.fixture
async def here(stage: Stage, database_url: str) -> AsyncIterator[Running]:
    async with running_service(stage, database_url) as found:
        yield found
