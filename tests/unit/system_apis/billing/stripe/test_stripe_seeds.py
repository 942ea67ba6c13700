"""The seeds of the demo firm, as the billing connection reads them from the sandbox."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
from serving import running_sandbox

from canonical.billing import ScheduleAmendment, ScheduleItem
from canonical.money import Money, Rate
from demo.morning import demo_firm
from demo.seeds.stripe import hook_endpoint, records
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis.billing.stripe import Connector, Settings
from system_apis.billing.stripe.sandbox import create_sandbox_app
from system_apis.billing.stripe.sandbox.form import decode

FIRM = demo_firm(date(2026, 11, 23))
KEY = "sk_test_british_account_0003"


@pytest.fixture
async def connector() -> AsyncIterator[Connector]:
    """The connection of GB01, whose sandbox holds the seeds."""
    config = {"accounts": [{"id": "acct_demo_gb", "key": KEY, "country": "GB"}]}
    async with running_sandbox(create_sandbox_app, config, records(FIRM)) as sandbox:
        told = {"legal_entity_code": "GB01", "api_key": KEY, "base_url": sandbox.base_url}
        found = Connector.connect("stripe-gb", read(Settings, told, {}), SystemClock())
        yield found
        await found.close()


async def test_the_old_project_has_an_active_schedule_that_can_be_amended(connector: Connector) -> None:
    """Found by its project number, with its hourly rate; the extension's role is added to it."""
    schedule = await connector.schedule_of_project("P-GB01-H01")
    assert schedule is not None
    engineer = ScheduleItem(
        key="R1", title="Engineer", due_rule="as_worked", rate=Rate(amount="160.00", currency="GBP")
    )
    assert ("active", Money(amount="96000.00", currency="GBP"), "time_and_materials", (engineer,)) == (
        schedule.status,
        schedule.total,
        schedule.method,
        schedule.items,
    )
    account = await connector.account(schedule.billing_account_id or "")
    assert ("Pennine Rail Ltd", "GBP", None) == (account.name, account.currency, account.customer_id)
    extension = ScheduleItem(
        key="D12-R1", title="Engineer", due_rule="as_worked", rate=Rate(amount="160.00", currency="GBP")
    )
    total = Money(amount="144000.00", currency="GBP")
    amendment = ScheduleAmendment(contract_id=f"ctr_{1:032x}", total=total, items=(extension,))
    amended = await connector.amend_schedule(schedule.id, amendment, "run-1.amend")
    assert (total, (engineer, extension)) == (amended.total, amended.items)


async def test_seeded_records_look_like_those_the_sandbox_makes(connector: Connector) -> None:
    """Field by field, so that every endpoint can work on them."""
    made: dict[str, Any] = {
        "customer": await _made(connector, "/v1/customers", {"name": "x"}),
        "product": await _made(connector, "/v1/products", {"name": "x", "id": "own"}),
        "price": await _made(connector, "/v1/prices", {"currency": "gbp", "unit_amount": "1", "product": "own"}),
    }
    for kind, rows in records(FIRM).items():
        account, _, name = kind.partition(".")
        assert ("acct_demo_gb", set(made[name])) == (account, set(rows[0]["body"]))


async def _made(connector: Connector, path: str, fields: dict[str, str]) -> dict[str, Any]:
    return await connector._wire.create(path, fields, dict[str, Any], key="seeds-test", part="any")


def test_a_hook_is_registered_for_what_the_connection_reads() -> None:
    """As a form of the vendor's own."""
    form = "&".join(f"{name}={value}" for name, value in hook_endpoint("http://edge/hooks/stripe-gb").items())
    events = decode(form.encode())["enabled_events"]
    assert "product.updated" in list(dict(events).values())  # type: ignore[arg-type]
