"""A Stripe of our own: customers, products, prices, invoices, credit notes, events and webhooks in Stripe's dialect.

Hosts several accounts: `config = {"accounts": [{"id": "acct_DE01", "key": "sk_test_...", "webhook_secret": "..."}]}`.
Written from docs.stripe.com; judged by the vendor's own client.
"""

from starlette.types import ASGIApp

from sandboxkit.app import Context, create_sandbox
from system_apis.billing.stripe.sandbox import (
    catalogue,
    credit_notes,
    customers,
    events,
    invoice_lines,
    invoices,
    line_batches,
    webhooks,
)
from system_apis.billing.stripe.sandbox.accounts import hosted
from system_apis.billing.stripe.sandbox.door import Door
from system_apis.billing.stripe.sandbox.refusals import DIALECT

_RESOURCES = (customers, catalogue, invoice_lines, line_batches, invoices, credit_notes, events, webhooks)


def create_sandbox_app(context: Context) -> ASGIApp:
    """The sandbox; the actions `hold_execution` and `release_executions` keep a key in use for as long as wanted."""
    deliveries = webhooks.Deliveries(context.config.get("webhook_pauses_s", webhooks.PAUSES_S))
    announcing = events.Events(deliveries.deliver)
    accounts = hosted(context)
    for account in accounts.values():
        account.listener = announcing.announce
    door = Door(accounts, [endpoint for resource in _RESOURCES for endpoint in resource.endpoints()])
    actions = {"hold_execution": door.hold_execution, "release_executions": door.release_executions}
    return create_sandbox(context, DIALECT, door.routes(), actions)
