"""Stripe's idempotency layer of API v1. Source: docs.stripe.com/api/idempotent_requests.

The first answer to a key is kept for 24 hours, success or failure, once the endpoint has begun its work; refusals
before that are not kept. Keys belong to an account.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from system_apis.billing.stripe.sandbox.accounts import Account
from system_apis.billing.stripe.sandbox.form import Tree
from system_apis.billing.stripe.sandbox.refusals import Refusal, invalid

KEPT = timedelta(hours=24)
MAX_KEY = 255


@dataclass(frozen=True)
class Answer:
    """A status, a body and the headers that are the answer's own."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    keep: bool = True


class Keys:
    """The idempotency keys of all accounts."""

    def __init__(self) -> None:
        self._in_use: set[tuple[str, str]] = set()

    async def answer(
        self,
        account: Account,
        key: str,
        request: tuple[str, str, Tree],
        request_id: str,
        execute: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """The stored answer of the key, or that of `execute`, which is then stored if it says so."""
        if len(key) > MAX_KEY:
            raise invalid(f"Idempotency keys can be at most {MAX_KEY} characters long.", "Idempotency-Key")
        if (account.id, key) in self._in_use:
            raise _in_use(key)
        fingerprint = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        held = account.get("idempotency_key", key)
        if held is not None and account.exact_now() - held["at"] < KEPT.total_seconds():
            return _replayed(held, fingerprint, key)
        self._in_use.add((account.id, key))
        try:
            answer = await execute()
        finally:
            self._in_use.discard((account.id, key))
        if answer.keep:
            record = {"id": key, "at": account.exact_now(), "fingerprint": fingerprint, "request_id": request_id}
            account.save("idempotency_key", record | {"status": answer.status, "body": answer.body})
        return answer


def _replayed(held: dict[str, Any], fingerprint: str, key: str) -> Answer:
    if held["fingerprint"] != fingerprint:
        raise Refusal(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
            executed=False,
        )
    headers = {"Idempotent-Replayed": "true", "Original-Request": held["request_id"]}
    return Answer(held["status"], held["body"], headers, keep=False)


def _in_use(key: str) -> Refusal:
    return Refusal(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
        executed=False,
        headers={"Stripe-Should-Retry": "true"},
    )
