"""What must be true at the end of the fortnight: in billing, in the ERP and in the PSA, and between them.

Expected figures are those of `demo.work`, reckoned by hand. The two identities are those of the domain's rules B31 and
B1, taken from the vendors' own data alone.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from canonical.recognition import Recognition, TieOut
from canonical.releases import ApprovedValue, Release
from demo import work
from demo.authorities import CFO, DELEGATE, PROJECT_OWNER
from demo.books import Seen
from demo.checks import Check, check
from demo.firm import Deal, Firm, rates
from demo.rehearsal import Rehearsed
from demo.rehearsal_checks import judge_rehearsal

_ZERO, _CENT = Decimal(0), Decimal("0.01")
_ASSETS = ("unbilled_receivable", "contract_asset")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What Syncline says of itself at the end: of what it did, and apart from that of what it rehearsed."""

    releases: tuple[Release, ...]
    recognitions: tuple[Recognition, ...]
    approved_values: tuple[ApprovedValue, ...]
    tie_outs: dict[str, TieOut]
    rehearsed: Rehearsed


def judge(firm: Firm, seen: Seen, told: Told) -> list[Check]:
    """All checks; the last ones are about what Syncline's own pages say, and about the rehearsal before."""
    deals = {deal.key: deal for deal in (*firm.deals, *firm.history)}
    return [
        *(one for key in work.OUTCOMES for one in _contract(firm, deals[key], seen)),
        *(one for entity in firm.entities for one in _entity(firm, entity.code, seen)),
        *_documents(seen),
        *_marks(seen),
        *_moved(firm, seen),
        *_corrected(seen),
        *_own_pages(told),
        *judge_rehearsal(seen, told.rehearsed),
    ]


def _contract(firm: Firm, deal: Deal, seen: Seen) -> Iterator[Check]:
    """One contract in billing and ERP, and both identities."""
    key, expected, entity = deal.key, work.OUTCOMES[deal.key], deal.entity
    net = sum((one.net for one in seen.of(key)), _ZERO)
    tax = sum((one.tax for one in seen.of(key)), _ZERO)
    yield check(
        f"{key} stripe: invoiced less credited, and tax",
        f"{_text(expected.net)} + {_text(expected.tax)} {deal.currency}",
        f"{_text(net)} + {_text(tax)} {deal.currency}",
    )
    numbers = {one.number for one in seen.of(key)}
    posted = [one for one in seen.posted[entity] if one["externalDocumentNumber"] in numbers]
    booked = sum((_signed(one, "totalAmountIncludingTax") for one in posted), _ZERO)
    yield check(f"{key} business central: posted less credited, with tax", _text(net + tax), _text(booked))
    revenue = -seen.ledger(entity, "revenue", contract=key)
    earned = _in_local(firm, deal, expected.earned)
    yield check(f"{key} business central: revenue to the end of the month", _text(earned), _text(revenue))
    approved = _approved(deal, seen)
    yield check(f"{key} kantata: approved value", _text(expected.approved), _text(approved))
    unbilled = expected.beyond + expected.covered + expected.fixed
    yield check(
        f"{key} approved = invoiced + above cap + covered + fixed fee (B31)",
        _text(approved),
        _text(net - expected.agreed + unbilled),
    )
    position = seen.ledger(entity, *_ASSETS, "contract_liability", contract=key)
    yield check(
        f"{key} revenue - net invoices = asset + unbilled - liability (B1)",
        _text(revenue - _in_local(firm, deal, net)),
        _text(position),
    )


def _entity(firm: Firm, entity: str, seen: Seen) -> Iterator[Check]:
    """The general ledger of one company, and its control accounts against billing."""
    entries = seen.entries[entity]
    yield check(f"{entity} general ledger: debit less credit", "0.00", _text(sum((e.amount for e in entries), _ZERO)))
    sums = Counter[str]()
    for entry in entries:
        sums[entry.number] += entry.amount  # type: ignore[assignment]  # a counter adds decimals as well
    yield check(f"{entity} general ledger: documents out of balance", 0, sum(amount != 0 for amount in sums.values()))
    own = [one for one in seen.documents if one.entity == entity]
    owed, tax = sum((one.open for one in own), _ZERO), sum((one.tax for one in own), _ZERO)
    yield check(f"{entity} receivables = open in stripe", _text(owed), _text(seen.ledger(entity, "receivable")))
    yield check(f"{entity} tax payable = tax in stripe", _text(tax), _text(-seen.ledger(entity, "tax_payable")))
    yield check(f"{entity} contract balances", _balances_expected(firm, entity), _balances_seen(entity, seen))
    numbers = sorted(one.number for one in own if one.net > 0)
    series = [f"{entity}-{place:04d}" for place in range(1, len(numbers) + 1)]
    yield check(f"{entity} stripe: invoice numbers without a gap", series, numbers)
    booked = sorted(one["externalDocumentNumber"] for one in seen.posted[entity])
    yield check(f"{entity} every document is posted once", sorted(one.number for one in own), booked)


def _balances_expected(firm: Firm, entity: str) -> str:
    """The position of each contract: what is earned and not invoiced, or invoiced and not earned."""
    deals = [deal for deal in (*firm.deals, *firm.history) if deal.entity == entity and deal.key in work.OUTCOMES]
    positions = [
        _in_local(firm, deal, work.OUTCOMES[deal.key].earned) - _in_local(firm, deal, work.OUTCOMES[deal.key].net)
        for deal in deals
    ]
    asset = sum((one for one in positions if one > 0), _ZERO)
    liability = -sum((one for one in positions if one < 0), _ZERO)
    return f"unbilled 0.00, asset {_text(asset)}, liability {_text(liability)}"


def _balances_seen(entity: str, seen: Seen) -> str:
    unbilled, asset, liability = (seen.ledger(entity, role) for role in (*_ASSETS, "contract_liability"))
    return f"unbilled {_text(unbilled)}, asset {_text(asset)}, liability {_text(-liability)}"


def _documents(seen: Seen) -> Iterator[Check]:
    """Nothing twice, nothing left over."""
    yield check("drafts left in stripe and business central", 0, seen.drafts)
    invoices = Counter(one.contract for one in seen.documents if one.net > 0)
    twice = sorted(key for key, count in invoices.items() if count > 1)
    yield check("contracts with more than one invoice", [work.REBILLED], twice)
    journals = Counter(
        entry.contract
        for found in seen.entries.values()
        for entry in found
        if entry.role == "revenue" and entry.contract
    )
    expected = sorted(key for key, outcome in work.OUTCOMES.items() if outcome.earned)
    yield check("contracts with revenue, each posted once", dict.fromkeys(expected, 1), dict(sorted(journals.items())))
    paid = sorted(one.contract for one in seen.documents if one.paid)
    yield check("stripe: paid invoices", sorted(work.PAID), paid)
    settled = sorted(
        one["externalDocumentNumber"]
        for found in seen.posted.values()
        for one in found
        if one["status"] == "Paid" and "creditMemoDate" not in one
    )
    credited = {one.replaces for one in seen.documents if one.replaces}
    numbers = sorted({one.number for one in seen.documents if one.paid} | credited)
    yield check("business central: settled invoices", numbers, settled)
    capped = sum((one.net for one in seen.of(work.CAPPED)), _ZERO)
    yield check(f"{work.CAPPED} invoiced beyond the cap", "0.00", _text(max(capped - _cap(), _ZERO)))


def _marks(seen: Seen) -> Iterator[Check]:
    """The PSA knows what is billed, each once."""
    live = [mark for mark in seen.marks if mark["status"] != "cancelled"]
    held = Counter(str(one) for mark in live for one in mark["time_entry_ids"])
    yield check("kantata: time on two invoices", 0, sum(count > 1 for count in held.values()))
    by_contract = {project: key for key, project in seen.workspaces.items()}
    marked = Counter(by_contract[str(one["workspace_id"])] for one in seen.time if one["is_invoiced"])
    expected = {"D01": 20, "D05": 5, "D06": 8, "D07": 5, "D08": 11, "D11": 15}
    yield check("kantata: time entries marked as invoiced", expected, dict(sorted(marked.items())))
    spent = sum(one["is_invoiced"] for one in seen.expenses)
    yield check("kantata: expenses marked as invoiced", len(work.SPENDINGS), spent)
    reached = [work.ACCEPTED, work.ONLY_COMPLETED]
    billed = [
        any(
            one["invoice_id"]
            for one in seen.milestones
            if str(one["workspace_id"]) == seen.workspaces[key] and one["title"] == title
        )
        for key, title in reached
    ]
    yield check("kantata: the accepted milestone is billed, the completed one is not", [True, False], billed)


def _moved(firm: Firm, seen: Seen) -> Iterator[Check]:
    """What waited while the month was closed stands in the next one; nothing was reopened."""
    first = work.month_ends(firm)
    late = {one.number for one in seen.of(work.WAITING)}
    found = [one for one in seen.posted["GB01"] if one["externalDocumentNumber"] in late]
    yield check(
        f"{work.WAITING} business central: posting date", [first.isoformat()], [one["postingDate"] for one in found]
    )
    others = sorted(
        {entry.day for found in seen.entries.values() for entry in found if entry.contract not in {work.WAITING, None}}
    )
    yield check("business central: posting days of all others", [_last_day(first)], others)
    yield check(
        "GB01 business central: posting allowed from", first.isoformat(), seen.windows["GB01"]["allowPostingFrom"]
    )


def _corrected(seen: Seen) -> Iterator[Check]:
    """An invoice, its credit note and the rebill that names it."""
    found = seen.of(work.REBILLED)
    invoices = sorted((one for one in found if one.net > 0), key=lambda one: one.number)
    notes = [one for one in found if one.net < 0]
    gross = work.OUTCOMES[work.REBILLED].net + work.OUTCOMES[work.REBILLED].tax
    yield check(
        f"{work.REBILLED} stripe: invoice, credit note, rebill",
        [_text(gross), _text(-gross), _text(gross)],
        [_text(one.net + one.tax) for one in (*invoices[:1], *notes, *invoices[1:])],
    )
    yield check(
        f"{work.REBILLED} stripe: the rebill names what it replaces",
        [None, invoices[0].number if invoices else ""],
        [one.replaces for one in invoices],
    )
    memos = [one for found in seen.posted.values() for one in found if "creditMemoDate" in one]
    yield check(
        "business central: credit memos, by number and state",
        [(note.number, "Paid") for note in notes],
        [(one["externalDocumentNumber"], one["status"]) for one in memos],
    )


def _own_pages(told: Told) -> Iterator[Check]:
    """What Syncline's own pages say of it: who agreed, and that everything ties out."""
    approvers = {one.contract_number: one.approved_by for one in told.releases if one.kind == "standard"}
    large, small = (PROJECT_OWNER, CFO), (DELEGATE,)
    yield check(
        f"{work.UNPRICED} is above the controller's limit: approved by", sorted(large), sorted(approvers[work.UNPRICED])
    )
    yield check(f"{work.DELEGATED} approved by the delegate", list(small), sorted(approvers[work.DELEGATED]))
    states = Counter(one.state for one in told.releases)
    yield check("releases by state", {"credited": 1, "nothing_to_bill": 2, "posted": 10}, dict(sorted(states.items())))
    recognised = Counter(one.state for one in told.recognitions)
    expected = {"nothing_to_post": 11, "recognised": 11}
    yield check("recognitions: the second run posted nothing", expected, dict(sorted(recognised.items())))
    off = [one.contract_number for one in told.approved_values if Decimal(one.difference)]
    yield check("approved values that do not add up (B31)", [], off)
    for entity, page in told.tie_outs.items():
        yield check(f"{entity} tie-out", "ties out", "ties out" if page.ties_out else _breaks(page))


def _breaks(page: TieOut) -> str:
    lines = [f"{one.account_role} {one.difference.amount}" for one in page.accounts if one.difference.value]
    return ", ".join(
        [*lines, *(f"{one.contract_number} {one.difference}" for one in page.contracts if Decimal(one.difference))]
    )


def _approved(deal: Deal, seen: Seen) -> Decimal:
    """Billable approved time at the rates that Kantata froze, and expenses with the contract's mark-up."""
    project = seen.workspaces.get(deal.key)
    time = [one for one in seen.time if str(one["workspace_id"]) == project and one["approved"] and one["billable"]]
    hours = (Decimal(one["time_in_minutes"]) * (one["rate_in_cents"] or 0) / 6000 for one in time)
    spent = [one for one in seen.expenses if str(one["workspace_id"]) == project and one["approved"]]
    factor = 1 + (deal.expense_markup or _ZERO) / 100
    return sum(hours, _ZERO) + sum((Decimal(one["amount_in_cents"]) / 100 * factor for one in spent), _ZERO)


def _in_local(firm: Firm, deal: Deal, amount: Decimal) -> Decimal:
    """In the company's own currency, at the newest rate that its ledger has."""
    local = firm.entity(deal.entity).currency
    if deal.currency == local:
        return amount
    newest = max((one.from_date for one in rates(firm.today)), default=firm.today)
    euros = {one.currency: one.euros for one in rates(firm.today) if one.from_date == newest}
    rate = round(euros[deal.currency] / euros[local], 6)
    return (amount * rate).quantize(_CENT, ROUND_HALF_UP)


def _cap() -> Decimal:
    return work.OUTCOMES[work.CAPPED].net


def _signed(record: dict[str, object], name: str) -> Decimal:
    amount = Decimal(str(record[name]))
    return -amount if "creditMemoDate" in record else amount


def _last_day(first: date) -> str:
    return (first - timedelta(days=1)).isoformat()


def _text(amount: Decimal) -> str:
    return f"{amount.quantize(_CENT):f}"
