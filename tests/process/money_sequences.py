"""Sequences of what people, platforms and time do to a few contracts, and what must hold after each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from firm import ROLES, Firm
from hypothesis import strategies as st
from running_money import APPROVER, OWNER, RunningMoney, gbp
from sqlalchemy import text

from canonical.entries import TimeEntry
from canonical.envelope import Event
from canonical.events import TimeApprovalWithdrawn
from canonical.money import Rate
from canonical.releases import CreditedLine, Release
from canonical.rounding import line_amount
from canonical.sales import Cap, Contract, Retainer
from canonical.work import ApprovalDecision, ExceptionDecision
from servicekit.failures import Failure
from servicekit.ids import mint

QUIET = frozenset(
    {
        *("waiting_for_approval", "in_exception", "posted", "credited", "nothing_to_bill", "discarded"),
        *("recognised", "nothing_to_post"),
    }
)
WRITES = ("create_invoice", "draft_receivable", "issue_invoice", "post_receivable", "mark_billed", "credit_invoice")
CUT_OFFS = (date(2026, 12, 16), date(2027, 1, 1))

contracts = st.integers(0, 2)
some = st.integers(0, 7)
OPERATIONS = st.one_of(
    st.tuples(st.just("work"), contracts, st.integers(1, 40), st.integers(1, 31)),
    st.tuples(st.just("work"), contracts, st.integers(1, 40), st.integers(1, 31)),
    st.tuples(st.just("spend"), contracts, st.integers(1, 50000), st.integers(1, 31)),
    st.tuples(st.just("withdraw"), contracts, some),
    st.tuples(st.just("withdraw_quietly"), contracts, some),
    st.tuples(st.just("change_rate"), contracts, some, st.integers(0, 200)),
    st.tuples(st.just("release"), contracts, st.sampled_from(CUT_OFFS)),
    st.tuples(st.just("release"), contracts, st.sampled_from(CUT_OFFS)),
    st.tuples(st.just("approve"), contracts),
    st.tuples(st.just("approve"), contracts),
    st.tuples(st.just("reject"), contracts),
    st.tuples(st.just("retry"), contracts),
    st.tuples(st.just("discard"), contracts),
    st.tuples(st.just("credit"), contracts, some, st.booleans(), st.booleans()),
    st.tuples(st.just("lose"), st.sampled_from(WRITES)),
    st.tuples(st.just("close_december"), st.just(0)),
    st.tuples(st.just("recognise"), contracts, st.sampled_from(CUT_OFFS)),
)


class Sequence:
    """One sequence: three contracts (by the hour, capped, and prepaid) and what happens to them."""

    def __init__(self, money: RunningMoney) -> None:
        self.money = money
        self.firm: Firm = money.firm
        for name in Firm().__dataclass_fields__:
            setattr(self.firm, name, getattr(Firm(), name))
        retainer = Retainer(kind="prepaid_draw_down", period="P12M", amount=gbp(1200), included_hours=10)
        self.contracts: list[Contract] = [
            money.agreed(),
            money.agreed("capped_time_and_materials", 3000, cap=Cap(amount=gbp(3000))),
            money.agreed("prepaid_retainer", 1200, retainer=retainer),
        ]

    async def play(self, operation: tuple[Any, ...]) -> None:
        """Do it, and wait until everything that followed from it waits or has ended."""
        name, *arguments = operation
        deed: Callable[..., Awaitable[None]] = getattr(self, name)
        await deed(*arguments)
        await self.quiet()

    async def work(self, place: int, quarters: int, day: int) -> None:
        self.money.worked(self.contracts[place], f"{Decimal(quarters) / 4}", date(2026, 12, day))

    async def spend(self, place: int, pence: int, day: int) -> None:
        self.money.spent(self.contracts[place], f"{Decimal(pence) / 100}", date(2026, 12, day))

    async def withdraw(self, place: int, which: int) -> None:
        """A manager takes an approval back, and the PSA tells of it: twice."""
        entry = await self._withdrawn(place, which)
        if entry is not None:
            for _ in range(2):
                await self.money.release["watching"].on_time_approval_withdrawn(_told(entry))

    async def withdraw_quietly(self, place: int, which: int) -> None:
        """As `withdraw`, and the event is late: it never comes."""
        await self._withdrawn(place, which)

    async def change_rate(self, place: int, which: int, amount: int) -> None:
        """The PSA holds another price than was agreed, or again the agreed one."""
        entries = [one for one in self._entries(place) if one.billing_state == "unbilled"]
        if entries:
            entry = entries[which % len(entries)]
            rate = Rate(amount=str(120 if amount % 2 else amount), currency="GBP")
            self.firm.entries[entry.id] = msgspec.structs.replace(entry, bill_rate=rate, version=mint("ver"))

    async def release(self, place: int, cut_off: date) -> None:
        await self.money.start(self.contracts[place], cut_off)

    async def approve(self, place: int) -> None:
        await self._decide(place, "approve")

    async def reject(self, place: int) -> None:
        await self._decide(place, "reject")

    async def retry(self, place: int) -> None:
        await self._see_to(place, "retry")

    async def discard(self, place: int) -> None:
        await self._see_to(place, "discard")

    async def credit(self, place: int, which: int, whole: bool, rebill: bool) -> None:
        posted = [one for one in await self._releases(place) if one.state == "posted"]
        if not posted:
            return
        release = await self.money.release["releases"].one(posted[which % len(posted)].id)
        lines = ()
        if not whole:
            line = release.draft.lines[which % len(release.draft.lines)]
            lines = (CreditedLine(line_key=line.key, amount=gbp(str(max(line.amount.value / 2, Decimal("0.01"))))),)
        await self.money.credit(release.run_id, lines=lines, rebill=rebill)

    async def lose(self, write: str) -> None:
        """The next answer to this write is lost after its effect."""
        self.firm.losses[write] = 1

    async def close_december(self, _: int) -> None:
        self.firm.open_from = date(2027, 1, 1)

    async def recognise(self, place: int, period_end: date) -> None:
        try:
            await self.money.recognised(self.contracts[place], period_end)
        except TimeoutError:
            raise AssertionError("a recognition neither ended nor waits") from None

    async def finish(self) -> None:
        """People see to everything that waits: prices are corrected, exceptions retried, drafts approved."""
        self.firm.losses.clear()
        for entry in [*self.firm.entries.values()]:
            if entry.billing_state == "unbilled":
                rate = Rate(amount="120", currency="GBP")
                self.firm.entries[entry.id] = msgspec.structs.replace(entry, bill_rate=rate)
        for _ in range(8):
            for place in range(len(self.contracts)):
                await self._see_to(place, "retry")
            await self.quiet()
            for place in range(len(self.contracts)):
                await self._decide(place, "approve")
            await self.quiet()
            releases = [one for place in range(len(self.contracts)) for one in await self._releases(place)]
            if all(one.ended_at is not None for one in releases):
                break
        for place in range(len(self.contracts)):
            await self.recognise(place, CUT_OFFS[1])

    async def quiet(self) -> None:
        """Until nothing runs."""
        statement = text(
            "select count(*) from run where refs->>'contract_id' = any(:ids) and not state = any(:quiet)"
            " or request->>'contract_id' = any(:ids) and (not state = any(:quiet) or not launched)"
        )
        pending = text(
            "select count(*) from wake w join run r using (run_id)"
            " where w.sent_at is null and r.request->>'contract_id' = any(:ids)"
        )
        values = {"ids": [one.id for one in self.contracts], "quiet": sorted(QUIET)}
        calm = 0
        async with asyncio.timeout(30):
            while calm < 3:  # a run that was woken begins a little later
                async with self.money.release["database"].begin() as session:
                    busy = (await session.execute(statement, values)).scalar_one()
                    busy += (await session.execute(pending, {"ids": values["ids"]})).scalar_one()
                calm = calm + 1 if busy == 0 else 0
                await asyncio.sleep(0.03)  # the engine works in threads of its own; there is nothing to await

    async def check(self) -> None:
        """What holds at every quiet point."""
        assert 0 == sum(entry.amount.value for entry in self.firm.ledger)
        postings = []
        for place, contract in enumerate(self.contracts):
            postings += await self.money.release["postings"].of_contract(contract.id)
            for balance in await self.money.revenue["tying_out"].contract_balances(contract.id, None):
                assert "0.00" == balance.difference
            for value in await self.money.release["viewing"].approved_values(contract.id, None):
                assert "0.00" == value.difference
                assert Decimal(value.approved) >= self._billed(place)
        for role in ROLES:
            assert self.firm.balance(role) == sum(one.moved_in_base(role) for one in postings), role
        await self._nothing_twice()

    async def _nothing_twice(self) -> None:
        """No item is on live claims beyond what it is worth, and no reference has two documents."""
        statement = text(
            "select b.item_id from billable b left join claim c on c.item_id = b.item_id and c.state = 'live'"
            " where b.contract_id = any(:ids) group by b.item_id, b.amount, b.claimed_amount"
            " having coalesce(sum(c.amount), 0) > b.amount or coalesce(sum(c.amount), 0) <> b.claimed_amount"
        )
        async with self.money.release["database"].begin() as session:
            found = (await session.execute(statement, {"ids": [one.id for one in self.contracts]})).scalars().all()
        assert [] == found
        live = [one.reference for one in self.firm.invoices.values() if one.document_state in {"draft", "issued"}]
        assert len(live) == len(set(live))
        capped = [one for one in await self._releases(1) if one.state == "posted" and one.kind != "credit"]
        credited = [one for one in await self._releases(1) if one.state == "credited"]
        net = sum((one.net.value for one in capped if one.net), Decimal(0))
        back = sum((one.net.value for one in credited if one.net), Decimal(0))
        assert net - back <= Decimal(3000)

    def _billed(self, place: int) -> Decimal:
        """What the PSA itself says is invoiced, at its own prices."""
        return sum(
            (
                line_amount(Decimal(one.billable_hours), one.bill_rate.value, "GBP").value
                for one in self._entries(place)
                if one.billing_state == "invoiced" and one.bill_rate is not None
            ),
            Decimal(0),
        )

    def _entries(self, place: int) -> list[TimeEntry]:
        project = self.money.project_of(self.contracts[place])
        return [one for one in self.firm.entries.values() if one.project_id == project.id]

    async def _withdrawn(self, place: int, which: int) -> TimeEntry | None:
        """Kantata lets nobody change what it has invoiced: only unbilled entries can be withdrawn there."""
        entries = [one for one in self._entries(place) if one.status == "approved" and one.billing_state == "unbilled"]
        if not entries:
            return None
        entry = entries[which % len(entries)]
        self.firm.entries[entry.id] = msgspec.structs.replace(entry, status="rejected")
        return entry

    async def _releases(self, place: int) -> tuple[Release, ...]:
        found: tuple[Release, ...] = await self.money.release["releases"].many(
            {"contract_id": self.contracts[place].id}, None, 200
        )
        return found

    async def _decide(self, place: int, decision: str) -> None:
        for release in await self._releases(place):
            for approval in await self.money.desk.approvals.of_run(release.run_id):
                caller = OWNER if approval.required_role == "project-owner" else APPROVER
                if approval.status == "pending":
                    chosen = ApprovalDecision(decision=decision, reason="drawn by lot")  # type: ignore[arg-type]
                    await self._try(self.money.desk.approvals.decide(approval.id, chosen, caller))

    async def _see_to(self, place: int, decision: str) -> None:
        for release in await self._releases(place):
            for case in await self.money.desk.cases.many(open_only=True, run_id=release.run_id):
                if case.blocking and case.status == "open":
                    chosen = ExceptionDecision(decision=decision, reason="drawn by lot")  # type: ignore[arg-type]
                    await self._try(self.money.desk.decisions.decide(case, chosen, OWNER))

    @staticmethod
    async def _try(deed: Awaitable[object]) -> None:
        """People may come too late: a decision that is taken already is no error of theirs."""
        try:
            await deed
        except Failure as failure:
            if failure.code not in {"already_decided", "nothing_to_decide"}:
                raise


def _told(entry: TimeEntry) -> Event:
    data = TimeApprovalWithdrawn(
        time_entry_id=entry.id,
        version=entry.version,
        project_id=entry.project_id,
        work_date=entry.work_date,
        withdrawn_at=entry.updated_at,
    )
    return Event(
        id=mint("evt"),
        source="/system/psa",
        type="syncline.time-approval-withdrawn.v1",
        subject=entry.id,
        time=entry.updated_at,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
