"""Stripe's form encoding from both sides, and the signatures of its deliveries."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.failures import Failure, Kind
from system_apis.billing.stripe.client.webhooks import hints_of, verify
from system_apis.billing.stripe.client.wire import form, place
from system_apis.billing.stripe.sandbox.form import MalformedFormError, decode
from system_apis.listing import Hint

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = "whsec_of_the_endpoint"
BODY = b'{"type":"product.updated","data":{"object":{"object":"product","id":"syncline_P-1"}}}'
INVOICE = Hint(kind="invoice", native_id="i")

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1, max_size=8)
TREES = st.recursive(st.text(max_size=8), lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3))


def test_nested_values_are_told_in_brackets() -> None:
    """Hashes by name, lists by place, booleans as words; what is absent is left out."""
    fields = {"a": {"b": "x y"}, "items": [{"price": "p"}, {"price": "q"}], "on": True, "off": False, "none": None}
    assert b"a%5Bb%5D=x+y&items%5B0%5D%5Bprice%5D=p&items%5B1%5D%5Bprice%5D=q&on=true&off=false" == form(fields)


@given(st.dictionaries(NAMES, TREES, max_size=3))
def test_the_sandbox_reads_what_the_connector_writes(fields: dict[str, Any]) -> None:
    """Whatever the values are."""
    assert fields == decode(form(fields))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (b"expand[]=a&expand[]=b", {"expand": {"0": "a", "1": "b"}}),
        (b"items[][price]=p&items[][price]=q", {"items": {"0": {"price": "p"}, "1": {"price": "q"}}}),
        (b"items[][price]=p&items[][quantity]=2", {"items": {"0": {"price": "p", "quantity": "2"}}}),
        (b"metadata[k]=&metadata[l]=1", {"metadata": {"k": "", "l": "1"}}),
        (b"metadata=", {"metadata": ""}),
        (b"a[b=1", {"a[b": "1"}),
        (b"a]=1", {"a]": "1"}),
        (b"a=1&a=2", {"a": "2"}),
        (b"", {}),
    ],
)
def test_a_form_is_read_as_the_vendor_reads_it(text: bytes, tree: dict[str, Any]) -> None:
    """Empty brackets append, a new name begins a new hash only when it is there already, the last of equals counts."""
    assert tree == decode(text)


@pytest.mark.parametrize("text", [b"a=1&a[b]=2", b"a[b]=2&a=1", b"a=%ff", b"\xff=1"])
def test_a_form_that_contradicts_itself_cannot_be_read(text: bytes) -> None:
    """A name is a value or a collection; bytes are UTF-8."""
    with pytest.raises(MalformedFormError):
        decode(text)


@pytest.mark.parametrize("record_id", ["", ".", "..", "a/b"])
def test_an_id_that_would_lead_elsewhere_is_nobodys(record_id: str) -> None:
    """Everything else is quoted."""
    with pytest.raises(Failure) as caught:
        place("customers", record_id)
    assert Kind.MISSING is caught.value.kind
    assert "/v1/customers/a%3Fb%23c" == place("customers", "a?b#c")


def signed(body: bytes = BODY, secret: str = SECRET, at: datetime = NOW) -> str:
    moment = int(at.timestamp())
    return f"t={moment},v1={hmac.new(secret.encode(), f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"


def test_any_matching_signature_will_do() -> None:
    """While a secret is changed a delivery has two; other schemes do not count; the header's case is the sender's."""
    moment, _, mine = signed().partition(",")
    verify({"stripe-signature": signed()}, BODY, SECRET, NOW + timedelta(seconds=300))
    verify({"STRIPE-SIGNATURE": f"{moment},v1={'0' * 64},{mine},v0=1"}, BODY, SECRET, NOW)
    verify({"Stripe-Signature": signed(at=NOW + timedelta(seconds=300))}, BODY, SECRET, NOW)


@pytest.mark.parametrize(
    ("header", "body", "age_s"),
    [
        (signed(), BODY, 301),
        (signed(), BODY, -301),
        (signed(), BODY + b" ", 0),
        (signed(secret="whsec_other"), BODY, 0),
        (signed().replace("v1", "v0"), BODY, 0),
        (signed() + ",t=1", BODY, 0),
        ("t=now,v1=00", BODY, 0),
        ("t=\u0661,v1=00", BODY, 0),
        ("v1=é", BODY, 0),
        ("t=99999999999999999999,v1=00", BODY, 0),
        ("", BODY, 0),
    ],
)
def test_a_signature_that_is_not_good_is_refused(header: str, body: bytes, age_s: int) -> None:
    """Old, of another body, secret or scheme, or no signature at all."""
    with pytest.raises(Failure) as caught:
        verify({"Stripe-Signature": header}, body, SECRET, NOW + timedelta(seconds=age_s))
    assert (Kind.UNAUTHENTICATED, "invalid_signature") == (caught.value.kind, caught.value.code)


@pytest.mark.parametrize(
    ("kind", "about", "hints"),
    [
        ("product.updated", '{"object":"product","id":"p"}', (Hint(kind="billing_schedule", native_id="p"),)),
        ("price.created", '{"object":"price","id":"x","product":"p"}', (Hint(kind="billing_schedule", native_id="p"),)),
        ("price.created", '{"object":"price","id":"x","product":"syncline_invoice_line"}', ()),
        ("customer.deleted", '{"object":"customer","id":"c"}', (Hint(kind="billing_account", native_id="c"),)),
        ("customer.subscription.created", '{"object":"subscription","id":"s"}', ()),
        ("invoice.paid", '{"object":"invoice","id":"i"}', (INVOICE,)),
        ("invoice.upcoming", '{"object":"invoice"}', ()),
        ("invoice_payment.paid", '{"object":"invoice_payment","id":"x","invoice":"i"}', (INVOICE,)),
        ("credit_note.created", '{"object":"credit_note","id":"n","invoice":"i"}', (INVOICE,)),
        ("balance.available", '{"object":"balance"}', ()),
    ],
)
def test_a_delivery_names_the_record_to_read_again(kind: str, about: str, hints: tuple[Hint, ...]) -> None:
    """A price is part of its product's schedule, payments and credit notes of their invoice; others are not ours."""
    assert hints == hints_of(f'{{"type":"{kind}","data":{{"object":{about}}}}}'.encode(), None)


def test_a_platforms_deliveries_are_of_the_connected_account() -> None:
    """Those of another account are passed over."""
    body = BODY[:-1] + b',"account":"acct_1"}'
    assert 1 == len(hints_of(body, "acct_1"))
    assert () == hints_of(body, "acct_2")
    assert () == hints_of(BODY, "acct_1")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type":"product.updated"}', b"\xff"])
def test_a_delivery_that_cannot_be_read_is_malformed(body: bytes) -> None:
    """Though it is signed."""
    with pytest.raises(Failure) as caught:
        hints_of(body, None)
    assert Kind.MALFORMED is caught.value.kind
