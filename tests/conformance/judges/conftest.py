"""The Stripe sandbox, served for a test."""

from collections.abc import AsyncIterator

import pytest
from stripe_judging import CONTROL, KEY, NUMBERING_KEY, OTHER_KEY, SECRET, Judge, served

from sandboxkit.app import Context
from sandboxkit.store import Store
from system_apis.billing.stripe.sandbox import create_sandbox_app


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    accounts = [
        {"id": "acct_DE01", "key": KEY, "webhook_secret": SECRET, "country": "DE", "search_lag_s": 30},
        {"id": "acct_US01", "key": OTHER_KEY, "rate_per_s": 3},
        {"id": "acct_GB01", "key": NUMBERING_KEY, "country": "GB", "invoice_prefix": "GB01"},
    ]
    config = {"accounts": accounts, "webhook_pauses_s": [0.01, 0.01]}
    context = Context(store=Store(":memory:"), control_key=CONTROL, base_url="http://127.0.0.1", config=config)
    async with served(create_sandbox_app(context)) as url:
        yield Judge(url, context)
    context.store.close()
