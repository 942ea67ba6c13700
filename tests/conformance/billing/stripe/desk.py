"""What people do in Stripe's dashboard beside Syncline: they pay, write off, correct drafts and bill by hand."""

from typing import Any

import httpx


class StripeDesk:
    """A person in the dashboard, who sees the account beside us."""

    def __init__(self, control: httpx.AsyncClient) -> None:
        self._control = control

    async def pay(self, invoice_id: str) -> None:
        await self._do(f"invoices/{invoice_id}/pay", paid_out_of_band="true")

    async def pay_part(self, invoice_id: str, units: int) -> None:
        """A part in the currency's minor units, by a payment that the sandbox cannot take: as it leaves the invoice."""
        kind = "/_sandbox/records/acct_DE01.invoice"
        held = next(one for one in (await self._control.get(kind)).json() if one["id"] == invoice_id)
        left = {"amount_paid": held["amount_paid"] + units, "amount_remaining": held["amount_remaining"] - units}
        await self._control.patch(f"{kind}/{invoice_id}", json=left)

    async def write_off(self, invoice_id: str) -> None:
        await self._do(f"invoices/{invoice_id}/mark_uncollectible")

    async def delete_draft(self, invoice_id: str) -> None:
        answer = await self._control.delete(f"/v1/invoices/{invoice_id}")
        assert 200 == answer.status_code, answer.text

    async def add_line(self, invoice_id: str, units: int) -> None:
        await self._do("invoiceitems", invoice=invoice_id, amount=str(units))

    async def take_line(self, invoice_id: str) -> None:
        """Without the draft's first line from now on."""
        lines = (await self._control.get(f"/v1/invoices/{invoice_id}/lines")).json()["data"]
        form = {"lines[0][id]": lines[0]["id"], "lines[0][behavior]": "delete"}
        await self._do(f"invoices/{invoice_id}/remove_lines", **form)

    async def double_line(self, invoice_id: str) -> None:
        """The draft's first line is there twice from now on, with all that marks it."""
        line = (await self._control.get(f"/v1/invoices/{invoice_id}/lines")).json()["data"][0]
        marks = {f"lines[0][metadata][{name}]": value for name, value in line["metadata"].items()}
        form = {"lines[0][amount]": str(line["amount"]), **marks}
        await self._do(f"invoices/{invoice_id}/add_lines", **form)

    async def bill_by_hand(self, account_id: str) -> str:
        """An invoice that nobody of ours asked for; returns its id."""
        form = {"customer": account_id, "collection_method": "send_invoice", "days_until_due": "30"}
        made: str = (await self._do("invoices", **form))["id"]
        await self._do("invoiceitems", invoice=made, amount="12345", description="By hand")
        await self._do(f"invoices/{made}/finalize")
        return made

    async def pass_time(self, seconds: float) -> None:
        await self._control.post("/_sandbox/clock", json={"offset_s": seconds})

    async def writes(self) -> list[str]:
        """The paths of what was written, in order."""
        journal = (await self._control.get("/_sandbox/journal")).json()
        return [one["path"] for one in journal if one["path"].startswith("/v1/")]

    async def _do(self, path: str, **form: str) -> Any:
        answer = await self._control.post(f"/v1/{path}", data=form)
        assert 200 == answer.status_code, answer.text
        return answer.json()
