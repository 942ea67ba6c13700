"""What people do in Kantata beside Syncline: they work, spend, submit, decide and accept, by its API."""

from collections.abc import Sequence
from typing import Any

import httpx
from psa.stage import WORK_DAY


class KantataHands:
    """The stage's hands: with each person's own token where that is what the person has."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def work(self, project: str, minutes: int = 90, day: str = WORK_DAY, **more: Any) -> str:
        entry = {"workspace_id": project, "user_id": "41", "date_performed": day, "time_in_minutes": minutes, **more}
        return await self.made("time_entries", "time_entry", entry)

    async def spend(self, project: str, amount: str, day: str = WORK_DAY, **more: Any) -> str:
        cents = int(amount.replace(".", ""))
        expense = {"workspace_id": project, "user_id": "41", "date": day, "expense_category_id": "1", **more}
        return await self.made("expenses", "expense", {"amount_in_cents": cents, **expense})

    async def submit(self, entries: Sequence[str]) -> str:
        return await self._submitted("time_entries", "timesheet_submission", entries)

    async def submit_expenses(self, expenses: Sequence[str]) -> str:
        return await self._submitted("expenses", "expense_report_submission", expenses)

    async def approve(self, timesheet: str) -> None:
        await self.put(f"timesheet_submissions/{timesheet}/approve", {}, "eva's")

    async def approve_expenses(self, report: str) -> None:
        await self.put(f"expense_report_submissions/{report}/approve", {}, "eva's")

    async def reject(self, timesheet: str) -> None:
        await self.put(f"timesheet_submissions/{timesheet}/reject", {"resolution": {"description": "no"}}, "eva's")

    async def withdraw(self, timesheet: str) -> None:
        await self.put(f"timesheet_submissions/{timesheet}/cancel", {}, "eva's")

    async def change(self, entry: str, **changes: Any) -> None:
        await self.put(f"time_entries/{entry}", {"time_entry": changes})

    async def delete(self, entry: str) -> None:
        answer = await self._http.delete(f"/api/v1/time_entries/{entry}")
        assert 204 == answer.status_code, answer.text

    async def set_rate(self, entry: str, cents: int) -> None:
        await self.put(f"time_entries/{entry}", {"time_entry": {"rate_in_cents": cents}})

    async def complete(self, milestone: str) -> None:
        await self.put(f"stories/{milestone}", {"story": {"state": "completed"}})

    async def accept(self, milestone: str, day: str, person: str) -> None:
        values = [
            {"subject_type": "Story", "subject_id": milestone, "custom_field_id": field, "value": value}
            for field, value in (("10", day), ("11", person))
        ]
        answer = await self._http.post("/api/v1/custom_field_values", json={"custom_field_values": values})
        assert 200 == answer.status_code, answer.text

    async def internal_project(self) -> str:
        return await self.made("workspaces", "workspace", {"title": "P-900 Training", "currency": "EUR"})

    async def recognise(self, project: str, first: str, last: str, amount: str | None, **more: Any) -> str:
        period = {"workspace_id": project, "start_date": first, "end_date": last, "currency": "EUR"}
        record = {"type": "Recognition", "amount": None if amount is None else float(amount), **period, **more}
        return await self.made("project_accounting_records", "project_accounting_record", record)

    async def unrecognise(self, record: str) -> None:
        await self.put("project_accounting_records/delete", {"ids": [record]})

    async def made(self, kind: str, singular: str, attributes: dict[str, Any]) -> str:
        answer = await self._http.post(f"/api/v1/{kind}", json={singular: attributes})
        assert 200 == answer.status_code, answer.text
        found: str = answer.json()["results"][0]["id"]
        return found

    async def put(self, path: str, body: dict[str, Any], token: str = "token") -> None:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._http.put(f"/api/v1/{path}", json=body, headers=headers)
        assert 200 == answer.status_code, answer.text

    async def _submitted(self, kind: str, singular: str, lines: Sequence[str]) -> str:
        params = {"only": lines[0], "include": "workspace"}
        (line,) = (await self._http.get(f"/api/v1/{kind}", params=params)).json()[kind].values()
        whole = {"workspace_id": line["workspace_id"], "title": "Week", "line_item_ids": list(lines)}
        return await self.made(f"{singular}s", singular, whole)
