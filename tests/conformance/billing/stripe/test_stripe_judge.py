"""Judges the Stripe sandbox by the vendor's own client, stripe-python 16, over real sockets."""

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe
from billing.stripe.judging import KEY, OTHER_KEY, SECRET, Judge, call, refused
from serving import served
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp


async def test_customers_are_kept_found_by_email_changed_and_deleted(judge: Judge) -> None:
    """Metadata is merged key by key, an empty value deletes; a deleted customer leaves a stub and no list."""
    made = await judge.customer(metadata={"a": "1", "b": "2"}, address={"country": "DE"})
    listed = await call(lambda: judge.v1.customers.list({"email": "ap@acme.example"}))
    assert [made.id] == [one.id for one in listed.data]
    assert [] == (await call(lambda: judge.v1.customers.list({"email": "AP@acme.example"}))).data
    changed = await call(lambda: judge.v1.customers.update(made.id, {"metadata": {"a": "", "c": "3"}, "phone": "+49"}))
    assert {"b": "2", "c": "3"} == changed.metadata.to_dict()
    assert ("ACME", "+49", "DE") == (changed.name, changed.phone, changed.address.country)
    cleared = await call(lambda: judge.v1.customers.update(made.id, {"metadata": ""}))
    assert {} == cleared.metadata.to_dict()
    assert (await call(lambda: judge.v1.customers.delete(made.id))).deleted
    assert (await call(lambda: judge.v1.customers.retrieve(made.id))).deleted
    assert [] == (await call(judge.v1.customers.list)).data


async def test_every_object_has_only_fields_that_the_client_knows(judge: Judge) -> None:
    """No field of a customer, product, price, tax rate, invoice, line, item, credit note or event is made up."""
    customer = await judge.customer()
    product = await call(lambda: judge.v1.products.create({"name": "Consulting"}))
    price = await call(lambda: judge.v1.prices.create({"product": product.id, "currency": "eur", "unit_amount": 100}))
    rate = await call(lambda: judge.v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False}))
    invoice = await call(lambda: judge.v1.invoices.create({"customer": customer.id, "currency": "eur"}))
    item = await call(
        lambda: judge.v1.invoice_items.create(
            {"invoice": invoice.id, "pricing": {"price": price.id}, "quantity": 3, "tax_rates": [rate.id]}
        )
    )
    final = await call(lambda: judge.v1.invoices.finalize_invoice(invoice.id))
    note = await call(lambda: judge.v1.credit_notes.create({"invoice": invoice.id, "amount": 100}))
    event = (await call(lambda: judge.v1.events.list({"limit": 1}))).data[0]
    for found in (customer, product, price, rate, final, final.lines.data[0], item, note, note.lines.data[0], event):
        known = {name for kind in type(found).__mro__ for name in inspect.get_annotations(kind)}
        assert set() == set(found.to_dict()) - known, type(found).__name__


async def test_prices_are_exact_in_every_currency(judge: Judge) -> None:
    """Whole minor units and fractions of them come back as given; a recurring price names its months."""
    product = await call(lambda: judge.v1.products.create({"name": "Consulting", "id": "own-id"}))
    assert "own-id" == product.id
    create = judge.v1.prices.create
    yen = await call(lambda: create({"product": "own-id", "currency": "jpy", "unit_amount": 1500}))
    assert (1500, "1500", "jpy", "one_time") == (yen.unit_amount, str(yen.unit_amount_decimal), yen.currency, yen.type)
    hourly = await call(lambda: create({"product": "own-id", "currency": "eur", "unit_amount_decimal": "14512.345"}))
    assert (None, "14512.345") == (hourly.unit_amount, str(hourly.unit_amount_decimal))
    monthly = await call(
        lambda: create(
            {
                "product": "own-id",
                "currency": "usd",
                "unit_amount": 600000,
                "recurring": {"interval": "month", "interval_count": 3},
            }
        )
    )
    assert ("recurring", "month", 3) == (monthly.type, monthly.recurring.interval, monthly.recurring.interval_count)
    error = await refused(
        lambda: create({"product": "own-id", "currency": "kwd", "unit_amount": 1234}), stripe.InvalidRequestError
    )
    assert "last digit" in str(error)


async def test_a_lookup_key_is_unique_until_it_is_transferred(judge: Judge) -> None:
    """A second price may take the key over, but not share it; prices are found by it."""
    await call(lambda: judge.v1.products.create({"name": "Consulting", "id": "own-id"}))
    price = {"product": "own-id", "currency": "eur", "unit_amount": 100, "lookup_key": "P-1:M1"}
    first = await call(lambda: judge.v1.prices.create(price))
    error = await refused(lambda: judge.v1.prices.create(price), stripe.InvalidRequestError)
    assert f"A price (`{first.id}`) already uses that lookup key." in str(error)
    second = await call(lambda: judge.v1.prices.create({**price, "transfer_lookup_key": True}))
    found = await call(lambda: judge.v1.prices.list({"lookup_keys": ["P-1:M1"], "expand": ["data.product"]}))
    assert [second.id] == [one.id for one in found.data]
    assert "Consulting" == found.data[0].product.name


async def test_lists_are_newest_first_and_paged_both_ways(judge: Judge) -> None:
    """The client's automatic paging sees every record once; ten a page, a hundred at most."""
    made = [(await call(lambda: judge.v1.products.create({"name": "P"}))).id for _ in range(23)]
    page = await call(judge.v1.products.list)
    assert (made[:-11:-1], True) == ([one.id for one in page.data], page.has_more)
    assert made[::-1] == await call(lambda: [one.id for one in judge.v1.products.list().auto_paging_iter()])
    before = await call(lambda: judge.v1.products.list({"ending_before": made[-6], "limit": 3}))
    assert ([made[-3], made[-4], made[-5]], True) == ([one.id for one in before.data], before.has_more)
    chosen = await call(lambda: judge.v1.products.list({"ids": made[:2]}))
    assert [made[1], made[0]] == [one.id for one in chosen.data]
    error = await refused(lambda: judge.v1.products.list({"limit": 101}), stripe.InvalidRequestError)
    assert "limit" == error.param
    error = await refused(lambda: judge.v1.products.list({"starting_after": "prod_no"}), stripe.InvalidRequestError)
    assert (400, "resource_missing") == (error.http_status, error.code)


async def test_errors_are_the_classes_and_codes_of_the_client(judge: Judge) -> None:
    """Unknown and missing parameters, unknown ids and wrong keys, each with the code and parameter it has there."""
    customers = judge.v1.customers
    error = await refused(lambda: customers.retrieve("cus_no"), stripe.InvalidRequestError)
    assert (404, "resource_missing", "id") == (error.http_status, error.code, error.param)
    assert "No such customer: 'cus_no'" in str(error)
    strange: Any = {"colour": "red"}
    error = await refused(lambda: customers.create(strange), stripe.InvalidRequestError)
    assert (400, "parameter_unknown", "colour") == (error.http_status, error.code, error.param)
    nothing: Any = {}
    error = await refused(lambda: judge.v1.invoices.create(nothing), stripe.InvalidRequestError)
    assert ("parameter_missing", "customer") == (error.code, error.param)
    error = await refused(lambda: customers.create({"email": "nobody"}), stripe.InvalidRequestError)
    assert "email_invalid" == error.code
    wrong = judge.with_key("sk_test_somebody_else_9876")
    error = await refused(wrong.v1.customers.list, stripe.AuthenticationError)
    assert (401, True) == (error.http_status, "9876" in str(error))
    assert error.request_id is not None
    assert error.request_id.startswith("req_")


async def test_accounts_see_nothing_of_each_other_and_are_limited(judge: Judge) -> None:
    """Another key is another account; more requests a second than it may send are refused with rate_limit."""
    made = await judge.customer()
    other = judge.with_key(OTHER_KEY)
    await refused(lambda: other.v1.customers.retrieve(made.id), stripe.InvalidRequestError)
    foreign: Any = {"stripe_account": "acct_US01"}
    await refused(lambda: judge.v1.customers.list(options=foreign), stripe.PermissionError)
    await call(other.v1.customers.list)
    error = await refused(lambda: [other.v1.customers.list() for _ in range(4)], stripe.RateLimitError)
    assert (429, "rate_limit") == (error.http_status, error.json_body["error"]["code"])


async def test_an_idempotency_key_replays_its_first_answer(judge: Judge) -> None:
    """The same key gives the same object, marked as replayed, for a day; other parameters are refused."""
    options: Any = {"idempotency_key": "k-1"}
    create = judge.v1.customers.create
    first = await call(lambda: create({"name": "ACME"}, options=options))
    again = await call(lambda: create({"name": "ACME"}, options=options))
    assert first.id == again.id
    assert "true" == again.last_response.headers["idempotent-replayed"]
    assert first.last_response.request_id == again.last_response.headers["original-request"]
    error = await refused(lambda: create({"name": "Other"}, options=options), stripe.IdempotencyError)
    assert (400, True) == (error.http_status, "'k-1'" in str(error))
    judge.context.clock.offset = timedelta(hours=25)
    assert first.id != (await call(lambda: create({"name": "ACME"}, options=options))).id


async def test_only_what_was_executed_is_remembered_under_a_key(judge: Judge) -> None:
    """A refused parameter leaves the key free; a refusal of business stays its answer."""
    create = judge.v1.products.create
    options: Any = {"idempotency_key": "k-2"}
    strange: Any = {"name": "P", "colour": "red"}
    await refused(lambda: create(strange, options=options), stripe.InvalidRequestError)
    await call(lambda: create({"name": "P", "id": "taken"}, options=options))
    options = {"idempotency_key": "k-3"}
    error = await refused(lambda: create({"name": "P", "id": "taken"}, options=options), stripe.InvalidRequestError)
    assert "resource_already_exists" == error.code
    await call(lambda: judge.v1.products.delete("taken"))
    error = await refused(lambda: create({"name": "P", "id": "taken"}, options=options), stripe.InvalidRequestError)
    assert "true" == (error.headers or {})["idempotent-replayed"]


async def test_a_key_in_use_is_409(judge: Judge) -> None:
    """While the first request is at work, a second one under its key is told to come again."""
    await judge.administer("actions/hold_execution", {"path": "^/v1/customers$"})
    options: Any = {"idempotency_key": "k-4"}
    first = asyncio.create_task(call(lambda: judge.v1.customers.create({"name": "ACME"}, options=options)))
    while not await judge.journal():  # the first one has not arrived yet
        pass
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "k-4"}
    async with httpx.AsyncClient(headers=headers) as http:
        answer = await http.post(f"{judge.url}/v1/customers", data={"name": "ACME"})
    assert (409, "idempotency_key_in_use") == (answer.status_code, answer.json()["error"]["code"])
    await judge.administer("actions/release_executions", {})
    assert "ACME" == (await first).name


async def test_search_lags_behind_and_then_finds_by_metadata(judge: Judge) -> None:
    """What was just written is not found yet."""
    made = await judge.customer(metadata={"key": "it's"})
    query: Any = {"query": "metadata['key']:'it\\'s' AND email:'ap@acme.example'"}
    assert [] == (await call(lambda: judge.v1.customers.search(query))).data
    judge.context.clock.offset = timedelta(seconds=31)
    assert [made.id] == [one.id for one in (await call(lambda: judge.v1.customers.search(query))).data]
    query = {"query": "-metadata['key']:null"}
    assert [made.id] == [one.id for one in (await call(lambda: judge.v1.customers.search(query))).data]
    strange: Any = {"query": "colour:'red'"}
    await refused(lambda: judge.v1.customers.search(strange), stripe.InvalidRequestError)


async def test_events_tell_what_changed_and_are_listed_by_type(judge: Judge) -> None:
    """Newest first, by type with a wildcard, with what the changed fields were, for thirty days."""
    made = await judge.customer(metadata={"a": "1"})
    await call(lambda: judge.v1.customers.update(made.id, {"name": "Acme GmbH", "metadata": {"a": "2"}}))
    await call(lambda: judge.v1.products.create({"name": "P"}))
    types = [one.type for one in (await call(judge.v1.events.list)).data]
    assert ["product.created", "customer.updated", "customer.created"] == types
    updated = (await call(lambda: judge.v1.events.list({"type": "customer.updated"}))).data[0]
    assert {"name": "ACME", "metadata": {"a": "1"}} == updated.data.previous_attributes.to_dict()
    assert "Acme GmbH" == updated.data.object["name"]
    assert 2 == len((await call(lambda: judge.v1.events.list({"types": ["customer.*"]}))).data)
    judge.context.clock.offset = timedelta(days=31)
    assert [] == (await call(judge.v1.events.list)).data


class Receiver:
    """Takes deliveries in, after refusing the first `refusals` of them."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.deliveries: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

    async def hear(self, request: Request) -> Response:
        body = await request.body()
        if self.refusals:
            self.refusals -= 1
            return Response(status_code=500)
        await self.deliveries.put((body, request.headers["stripe-signature"]))
        return Response(status_code=204)

    def app(self) -> ASGIApp:
        return Starlette(routes=[Route("/hooks", self.hear, methods=["POST"])])


async def test_a_webhook_is_signed_over_its_body_and_tried_again(judge: Judge) -> None:
    """The client verifies the body that really came; a refused delivery comes again; only asked-for types come."""
    receiver = Receiver(refusals=2)
    async with served(receiver.app()) as url:
        endpoint: Any = {"url": f"{url}/hooks", "enabled_events": ["product.created"]}
        made = await call(lambda: judge.v1.webhook_endpoints.create(endpoint))
        assert made.secret == SECRET
        assert "secret" not in (await call(lambda: judge.v1.webhook_endpoints.retrieve(made.id))).to_dict()
        await judge.customer()
        product = await call(lambda: judge.v1.products.create({"name": "P"}))
        body, signature = await asyncio.wait_for(receiver.deliveries.get(), 5)
    event = judge.client.construct_event(body, signature, SECRET)
    assert ("product.created", product.id) == (event.type, event.data.object["id"])
    with pytest.raises(stripe.SignatureVerificationError):
        judge.client.construct_event(body + b" ", signature, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        judge.client.construct_event(body, signature, "whsec_wrong")


async def test_an_outage_and_a_lost_answer_are_ridden_out_by_the_client(judge: Judge) -> None:
    """With retries the client sends its own key again and gets the one customer that was made."""
    await judge.administer("faults", {"kind": "outage"})
    error = await refused(judge.v1.customers.list, stripe.APIError)
    assert 503 == error.http_status
    await judge.administer("faults", {"kind": "lose_answer", "method": "POST", "path": "^/v1/customers$"})
    patient = stripe.StripeClient(KEY, base_addresses={"api": judge.url}, max_network_retries=2)
    made = await call(lambda: patient.v1.customers.create({"name": "ACME"}))
    assert [made.id] == [one.id for one in (await call(judge.v1.customers.list)).data]
