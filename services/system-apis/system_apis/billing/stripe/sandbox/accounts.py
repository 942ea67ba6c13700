"""The Stripe accounts that the sandbox hosts: each has a key of its own and sees nothing of the others.

A record's kind in the store is `<account id>.<object>`, such as `acct_1.product`; fields that begin with an underscore
are the sandbox's own and are never shown.
"""

import secrets
import string
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandboxkit.app import Context
from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox.refusals import Refusal, invalid, missing_resource, too_many_requests

API_VERSION = "2026-10-28.endive"
# In live mode an account may send 100 requests a second. Source: docs.stripe.com/rate-limits.
RATE_PER_S = 100.0
_LETTERS = string.ascii_letters + string.digits
_NOUNS = {"tax_rate": "tax rate", "invoiceitem": "invoiceitem", "credit_note": "credit note"}


@dataclass
class Account:
    """One account: its credentials, settings and records."""

    id: str
    key: str
    context: Context
    country: str = "US"
    name: str = "Sandbox"
    api_version: str = API_VERSION
    webhook_secret: str | None = None
    invoice_prefix: str | None = None
    connected: tuple[str, ...] = ()
    rate_per_s: float = RATE_PER_S
    search_lag_s: float = 0.5
    listener: "Callable[[Call, str, Record, Record | None], None] | None" = None
    _allowance: float = field(default=0.0, init=False)
    _counted_at: float = field(default=0.0, init=False)

    @property
    def livemode(self) -> bool:
        return self.key.startswith(("sk_live_", "rk_live_"))

    def now(self) -> int:
        """Seconds since 1970, by the vendor's clock."""
        return int(self.context.clock.now().timestamp())

    def exact_now(self) -> float:
        return self.context.clock.now().timestamp()

    def count_request(self) -> None:
        """Raises the refusal for too many requests a second."""
        now = time.monotonic()
        refilled = self._allowance + (now - self._counted_at) * self.rate_per_s
        self._allowance, self._counted_at = min(self.rate_per_s, refilled), now
        if self._allowance < 1.0:
            raise too_many_requests()
        self._allowance -= 1.0

    def new_id(self, prefix: str, letters: int = 16) -> str:
        return f"{prefix}_{''.join(secrets.choice(_LETTERS) for _ in range(letters))}"

    def insert(self, kind: str, record: Record) -> Record:
        """Raises the vendor's refusal for an id that is taken."""
        searchable = {"_searchable_at": self.exact_now() + self.search_lag_s}
        try:
            return self.context.store.insert(self._kind(kind), record["id"], record | searchable)
        except KeyError:
            noun = kind.replace("_", " ").capitalize()
            raise Refusal(f"{noun} already exists.", code="resource_already_exists", param="id") from None

    def save(self, kind: str, record: Record) -> Record:
        return self.context.store.put(self._kind(kind), record["id"], record)

    def remove(self, kind: str, record_id: str) -> None:
        self.context.store.delete(self._kind(kind), record_id)

    def get(self, kind: str, record_id: str) -> Record | None:
        return self.context.store.get(self._kind(kind), record_id)

    def require(self, kind: str, record_id: str, param: str = "id") -> Record:
        """The record, deleted ones apart. Raises 404 for the id of the path, 400 for that of a parameter."""
        record = self.get(kind, record_id)
        if record is None or record.get("deleted"):
            raise missing_resource(_NOUNS.get(kind, kind), record_id, param=param)
        return record

    def all(self, kind: str) -> Iterator[Record]:
        """Oldest first, deleted ones apart."""
        return (record for record in self.context.store.all(self._kind(kind)) if not record.get("deleted"))

    def find(self, kind: str, matches: Callable[[Record], bool]) -> list[Record]:
        return self.context.store.find(self._kind(kind), lambda record: not record.get("deleted") and matches(record))

    def next_number(self, name: str) -> int:
        return self.context.store.next_number(self._kind(name))

    def _kind(self, kind: str) -> str:
        return f"{self.id}.{kind}"


def hosted(context: Context) -> dict[str, Account]:
    """The accounts of the configuration by their id: `{"accounts": [{"id": ..., "key": ..., ...}]}`."""
    names = ("country", "name", "api_version", "webhook_secret", "invoice_prefix", "rate_per_s", "search_lag_s")
    found: dict[str, Account] = {}
    for entry in context.config["accounts"]:
        options = {name: entry[name] for name in names if name in entry}
        connected = tuple(entry.get("connected", ()))
        found[entry["id"]] = Account(entry["id"], entry["key"], context, connected=connected, **options)
    return found


@dataclass(frozen=True)
class Call:
    """One request to an endpoint: whose account, what was in its path, what was given."""

    account: Account
    path: Mapping[str, str]
    given: Mapping[str, Any]
    request_id: str
    key: str | None = None

    @property
    def id(self) -> str:
        return self.path["id"]

    def announce(self, kind: str, record: Record, former: Record | None = None) -> None:
        """An event of the kind happened to the record; `former` is what an updated record was before."""
        if self.account.listener is not None:
            self.account.listener(self, kind, record, former)


Handler = Callable[[Call], dict[str, Any]]


def merged_metadata(held: Mapping[str, str], changes: Mapping[str, str | None] | None) -> dict[str, str]:
    """Given keys are set or deleted, others stay; None deletes all. At most 50 keys."""
    if changes is None:
        return {}
    result = {key: value for key, value in {**held, **changes}.items() if value is not None}
    if len(result) > 50:
        raise invalid("Metadata can have at most 50 keys.", "metadata")
    return result


def new_metadata(call: Call) -> dict[str, str]:
    return merged_metadata({}, call.given.get("metadata", {}))


def changed(call: Call, held: Record, *names: str) -> Record:
    """The record with those of the named fields that were given, its metadata merged."""
    result = held | {name: call.given[name] for name in names if name in call.given}
    if "metadata" in call.given:
        result["metadata"] = merged_metadata(held["metadata"], call.given["metadata"])
    return result
