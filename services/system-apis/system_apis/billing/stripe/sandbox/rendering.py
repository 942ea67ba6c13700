"""How a record is shown: without what is the sandbox's own, an invoice with its lines, and expanded where asked."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox.accounts import Account, Call
from system_apis.billing.stripe.sandbox.refusals import Body, Refusal

MAX_DEPTH = 4
EMBEDDED_LINES = 10  # the rest is behind /lines
# Which fields hold the id of another object, by object.
_EXPANDABLE: Mapping[str, Mapping[str, str]] = {
    "price": {"product": "product"},
    "product": {"default_price": "price"},
    "invoice": {"customer": "customer", "from_invoice": "invoice", "latest_revision": "invoice"},
    "invoiceitem": {"customer": "customer", "invoice": "invoice"},
    "credit_note": {"customer": "customer", "invoice": "invoice"},
    "invoice_payment": {"invoice": "invoice"},
}


def shown(account: Account, record: Record) -> Body:
    """The record as the API shows it."""
    body = {name: value for name, value in record.items() if not name.startswith("_")}
    if body.get("object") == "customer" and account.invoice_prefix is not None:
        body.pop("next_invoice_sequence", None)  # omitted where the account has the sequence
    if body.get("object") == "invoice" and not body.get("deleted"):
        lines = lines_of(account, body["id"])
        url = f"/v1/invoices/{body['id']}/lines"
        data = [shown(account, line) for line in lines[:EMBEDDED_LINES]]
        has_more = len(lines) > EMBEDDED_LINES
        body["lines"] = {"object": "list", "data": data, "has_more": has_more, "url": url}
    return body


def lines_of(account: Account, invoice_id: str) -> list[Record]:
    """The lines of an invoice, in the order in which they were added."""
    return account.find("line_item", lambda line: line["invoice"] == invoice_id)


def answered(call: Call, record: Record) -> Body:
    """The record as the answer to a call, with what the caller wants expanded."""
    return expanded(call.account, shown(call.account, record), call.given.get("expand", ()))


def expanded(account: Account, body: Body, wanted: Iterable[str]) -> Body:
    for path in wanted:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH:
            raise Refusal(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}",
                param="expand",
                executed=False,
            )
        _expand(account, body, steps, path)
    return body


def _expand(account: Account, body: Any, steps: list[str], path: str) -> None:
    if not steps or body is None:
        return
    if isinstance(body, list):
        for part in body:
            _expand(account, part, steps, path)
        return
    step, rest = steps[0], steps[1:]
    kind = _EXPANDABLE.get(body.get("object", ""), {}).get(step)
    if kind is None and not (isinstance(body.get(step), dict | list) and rest):
        message = f"This property cannot be expanded ({step})."
        raise Refusal(message, param="expand", executed=False)
    if kind is not None and isinstance(body[step], str):
        found = account.get(kind, body[step])
        body[step] = shown(account, found) if found is not None else body[step]
    _expand(account, body[step], rest, path)
