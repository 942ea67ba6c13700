"""What a delivery of Stripe says: its signature checked over the body as it came, then only which record to read again.

Source: docs.stripe.com/webhooks/signature.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

import msgspec

from servicekit.failures import Failure, Kind
from system_apis.billing.stripe.mapping.invoices import LINE_PRODUCT
from system_apis.listing import Hint

TOLERANCE_S = 300  # the vendor's own clients allow five minutes
HEADER = "stripe-signature"


class _Object(msgspec.Struct, frozen=True, kw_only=True):
    object: str
    id: str | None = None  # an upcoming invoice has none
    invoice: str | None = None
    product: str | None = None


# Which canonical kind an object tells of, and which of its fields names the record.
_ABOUT = {
    "customer": ("billing_account", "id"),
    "product": ("billing_schedule", "id"),
    "price": ("billing_schedule", "product"),
    "invoice": ("invoice", "id"),
    "invoice_payment": ("invoice", "invoice"),
    "credit_note": ("invoice", "invoice"),
}


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    object: msgspec.Raw


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    data: _Data
    account: str | None = None


def verify(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> None:
    """Raises UNAUTHENTICATED for a signature that is missing, wrong, or more than five minutes old or ahead.

    Any `v1` signature may match (there are two while a secret is being changed); other schemes do not count.
    """
    given = [value for name, value in headers.items() if name.lower() == HEADER]
    if len(given) != 1:
        raise _refused("the delivery is not signed, or signed in two headers")
    parts = [part.strip().partition("=") for part in given[0].split(",")]
    moments = [value for name, _, value in parts if name == "t" and value.isascii() and value.isdecimal()]
    if len(moments) != 1 or len(moments[0]) > 12:
        raise _refused("the delivery is not signed")
    expected = hmac.new(secret.encode(), moments[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    matches = [hmac.compare_digest(expected.encode(), value.encode()) for name, _, value in parts if name == "v1"]
    if not any(matches):
        raise _refused("the delivery's signature is wrong")
    if abs(now.timestamp() - int(moments[0])) > TOLERANCE_S:  # one from the future could be replayed until then
        raise _refused("the delivery was not signed within the last five minutes")


def hints_of(body: bytes, account: str | None) -> tuple[Hint, ...]:
    """The record an event is about, if it is one of our kinds. A connected account's events name that account.

    Each invoice line with a unit price makes a price of the product of lines, which is no schedule: it tells nothing.
    """
    try:
        event = msgspec.json.decode(body, type=_Event)
        topic = event.type.partition(".")[0]
        if topic not in _ABOUT or (account is not None and event.account != account):
            return ()
        about = msgspec.json.decode(event.data.object, type=_Object)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Failure(Kind.MALFORMED, "the delivery cannot be read", vendor_detail=str(error)) from error
    kind, field = _ABOUT.get(about.object, ("", "id"))  # none for customer.subscription, customer.source and their like
    native_id: str | None = getattr(about, field)
    if not kind or native_id is None or native_id == LINE_PRODUCT:
        return ()
    return (Hint(kind=kind, native_id=native_id),)


def _refused(detail: str) -> Failure:
    return Failure(Kind.UNAUTHENTICATED, detail, code="invalid_signature")
