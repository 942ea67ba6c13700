"""The world of the fault harness: the demo firm, with one set of matters for each round, and all sets alike.

Whatever belongs to a round carries its mark: `K07` in names and numbers of contracts, `C507` in numbers of customers,
`DE9707` in their tax ids.
Without the mark the rounds' records are the same, so that a struck round can be held against an undisturbed one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from batch_firm import ENTITY, RATES, ProjectWork, opportunities, references
from running_system import RunningSystem

from canonical.sales import Opportunity
from demo import day
from demo.firm import Client, Colleague, Deal, Firm, MilestonePlan, RolePlan, months_later
from demo.morning import demo_firm
from demo.seeds import kantata
from demo.syncline import signed_in
from demo.work import consultants

Row = dict[str, Any]

SKILL = "commissioning"  # of one colleague alone, so that every round's roles are given to the same person
EXTENDED = "X1"  # the running contract that deal G extends
_RUNNING = ("R1", "R2", "R3", "R4", "R5", "S1", "S2", "S3", "V1", "V2", "V3", "V4", EXTENDED)
_ENTRIES = 4
_ROWS_AT_ONCE = 2000
_MARK = re.compile(
    r"(?<![A-Za-z0-9])[Kk](\d\d)(?=[A-Za-z])|(?<![A-Za-z0-9])(C5|DE97)(\d\d)(?=\d\d(?:000)?(?![A-Za-z0-9]))"
)


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The matters of a round. What is credited was issued before the round began."""

    new: tuple[str, ...]  # deals that are won
    released: tuple[str, ...]  # running contracts whose work is invoiced
    credited: tuple[str, ...]  # running contracts whose invoice is credited
    recognised: tuple[str, ...]  # running contracts whose revenue is recognised

    @property
    def running(self) -> tuple[str, ...]:
        return (*self.released, *self.credited, *self.recognised, EXTENDED)

    @property
    def runs(self) -> int:
        """A run each; what is credited has been released in one of its own."""
        return len(self.new) + len(self.released) + 2 * len(self.credited) + len(self.recognised)


MANY = Keys(
    new=("A", "B", "C", "D", "E", "F", "G"),
    released=("R1", "R2", "R3", "R4", "R5"),
    credited=("S1", "S2", "S3"),
    recognised=("V1", "V2", "V3", "V4"),
)
FEW = Keys(new=("B", "C", "E", "G"), released=("R1", "R2"), credited=("S1",), recognised=("V1", "V2"))


def marks(text: str) -> set[int]:
    """The rounds whose marks the text carries."""
    return {int(found[1] or found[3]) for found in _MARK.finditer(text)}


def unmarked(text: str) -> str:
    """The text as it would be in any round."""
    return _MARK.sub(lambda found: f"{found[2] or 'K'}..", text)


def contract_number(n: int, key: str) -> str:
    """The number of a round's contract, the same in every platform."""
    return f"K{n:02}{key}"


def world(today: date, rounds: int, keys: Keys) -> Firm:
    """The firm with the matters of so many rounds; its own deals are nobody's here."""
    firm = demo_firm(today)
    *others, last = firm.colleagues
    clients = [client for n in range(rounds) for client in _clients(n)]
    history = [_running(n, key, today) for n in range(rounds) for key in keys.running]
    deals = [deal for n in range(rounds) for deal in _won(n, today) if deal.key[3:] in keys.new]
    return replace(
        firm,
        colleagues=(*others, _commissioner(others[0]), last),
        clients=(*firm.clients, *clients),
        history=(*firm.history, *history),
        deals=tuple(deals),
    )


async def set_up(system: RunningSystem, firm: Firm) -> dict[str, str]:
    """Everything up to the first round. Returns the id of each running contract by its number."""
    await day.seed(system.told, firm)
    async with signed_in(system.told) as syncline:
        await day.go_live(system.told, firm, syncline)
    sold = {one.name: one for one in await opportunities(system)}
    for kind, rows in _work(firm, sold).items():
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            await system.control("kantata", "POST", f"records/{kind}", json=rows[start : start + _ROWS_AT_ONCE])
    return {deal.key: sold[deal.name].contract_id or "" for deal in firm.history if marks(deal.key)}


def _work(firm: Firm, sold: dict[str, Opportunity]) -> dict[str, list[Row]]:
    """What the running projects were given when they were set up, and what was worked on them since."""
    seeded = kantata.records(firm)
    roles = {row["body"]["name"]: row["id"] for row in seeded["roles"]}
    workspaces = {row["body"]["title"]: row["id"] for row in seeded["workspaces"]}
    rows: dict[str, list[Row]] = {"external_references": [], "timesheet_submissions": [], "time_entries": []}
    # The same place in every round is the same people's, and as many hours.
    stride = 13 * len(consultants(firm, ENTITY))
    for deal in (one for one in firm.history if marks(one.key)):
        (n,) = marks(deal.key)
        workspace = workspaces[f"{kantata.project_number(deal)} {deal.name}"]
        rows["external_references"] += references(deal, workspace, sold[deal.name])
        if not deal.key.endswith(EXTENDED):
            work = ProjectWork(stride * n + _RUNNING.index(deal.key[3:]), workspace, roles, firm)
            rows["timesheet_submissions"] += work.timesheets()
            rows["time_entries"] += work.entries(_ENTRIES)
    return rows


def _commissioner(model: Colleague) -> Colleague:
    """The one who can do what all rounds ask for."""
    name = {"first_name": "Runa", "last_name": "Probst", "email": "runa.probst@northwind-advisory.example"}
    return replace(
        model, number="W1901", **name, skills=(SKILL,), manager_number=model.number, kind="employee", absences=()
    )


def _clients(n: int) -> Iterator[Client]:
    """Three whom every platform knows, and three whom none does."""
    for place in range(6):
        number = f"C5{n:02}{place:02}"
        yield Client(
            number=number,
            name=f"K{n:02}W{place} Werke GmbH",
            country="DE",
            street=f"Gewerbepark {place + 1}",
            city="Berlin",
            postal_code="10115",
            email=f"rechnung@k{n:02}w{place}.example",
            tax_id=f"DE97{n:02}{place:02}000"[:11],
            accounts=((ENTITY, "EUR"),) if place < 3 else (),
        )


def _running(n: int, key: str, today: date) -> Deal:
    place = _RUNNING.index(key) % 3
    return _deal(
        n,
        key,
        f"C5{n:02}{place:02}",
        amount=Decimal(120000),
        start_date=months_later(today, 0).replace(year=today.year - 1),
        end_date=months_later(today, 3),
        roles=tuple(_role(f"R{number}", role, rate) for number, (role, rate) in enumerate(RATES.items(), start=1)),
    )


def _won(n: int, today: date) -> Iterator[Deal]:
    """By the hour and by milestones, for known and for new customers, two of them for the same; and an extension."""
    start, end = months_later(today, 1), months_later(today, 7)
    when = {"start_date": start, "end_date": end}
    engineer = _role("R1", "Engineer", RATES["Engineer"])
    senior = _role("R2", "Senior Consultant", RATES["Senior Consultant"])
    by_milestones: dict[str, Any] = {
        "method": "milestone",
        "milestones": (
            MilestonePlan(key="M1", title="Design accepted", amount=Decimal(20000), due_date=start),
            MilestonePlan(key="M2", title="Roll-out accepted", amount=Decimal(38000), due_date=end),
        ),
    }
    known, new = f"C5{n:02}00", [f"C5{n:02}{place:02}" for place in (3, 4, 5)]
    amount, wide = Decimal(58000), Decimal(90500)
    yield _deal(n, "A", known, amount=amount, roles=(engineer,), **when)
    yield _deal(n, "B", new[0], amount=wide, roles=(engineer, senior), **when)
    yield _deal(n, "C", new[0], amount=amount, roles=(engineer,), **when, **by_milestones)
    yield _deal(n, "D", new[1], amount=amount, roles=(engineer,), **when)
    yield _deal(n, "E", known, amount=amount, roles=(engineer,), **when, **by_milestones)
    yield _deal(n, "F", new[2], amount=wide, roles=(engineer, senior), **when)
    former = f"C5{n:02}{_RUNNING.index(EXTENDED) % 3:02}"
    extension = {"kind": "extension", "amends": contract_number(n, EXTENDED)}
    when = {"start_date": months_later(today, 3), "end_date": months_later(today, 5)}
    yield _deal(n, "G", former, amount=amount, roles=(engineer,), **when, **extension)


def _deal(n: int, key: str, client: str, **more: Any) -> Deal:
    number = contract_number(n, key)
    told: dict[str, Any] = {"method": "time_and_materials", "kind": "new"} | more
    return Deal(
        key=number,
        name=f"{number} plant data",
        client=client,
        entity=ENTITY,
        cost_centre="CC-D10",
        currency="EUR",
        tax_treatment="standard",
        **told,
    )


def _role(key: str, role: str, rate: Decimal) -> RolePlan:
    """What is sold of a role; the amounts of the deals are hours at this rate."""
    return RolePlan(key=key, role=role, skills=(SKILL,), hours=400, rate=rate)
