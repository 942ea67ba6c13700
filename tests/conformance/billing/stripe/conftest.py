"""The Stripe sandbox and its judge: accounts of three legal entities, one of which may do little in a second."""

from collections.abc import AsyncIterator

import pytest
from billing.stripe.judging import KEY, NUMBERING_KEY, OTHER_KEY, SECRET, Judge
from serving import running_sandbox

from system_apis.billing.stripe.sandbox import create_sandbox_app


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    accounts = [
        {"id": "acct_DE01", "key": KEY, "webhook_secret": SECRET, "country": "DE", "search_lag_s": 30},
        {"id": "acct_US01", "key": OTHER_KEY, "rate_per_s": 3},
        {"id": "acct_GB01", "key": NUMBERING_KEY, "country": "GB", "invoice_prefix": "GB01"},
    ]
    config = {"accounts": accounts, "webhook_pauses_s": [0.01, 0.01]}
    async with running_sandbox(create_sandbox_app, config) as sandbox:
        yield Judge(sandbox)
