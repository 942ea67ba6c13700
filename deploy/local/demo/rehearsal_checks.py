"""The rehearsal against what was posted: in Stripe's invoices, in Business Central's ledger, and on Syncline's page.

Reckoned here from the rehearsed drafts and the vendors' own data; Syncline's comparison is judged like any other page.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from canonical.recognition import Recognition
from canonical.rehearsals import RehearsalDifference
from canonical.releases import Draft, Release
from demo import work
from demo.books import Seen
from demo.checks import Check, check
from demo.rehearsal import Rehearsed

_HEAD = (
    *("currency", "customer_name", "customer_reference", "tax_treatment", "note", "document_date", "posting_date"),
    *("due_date", "supply_from", "supply_to", "net", "gross", "tax", "rate", "net_in_entity_currency"),
)
_DATES = ["document_date", "due_date", "posting_date"]  # of what waited for its approver beyond the month's end
_ZERO = Decimal(0)

Told = tuple[str, ...]  # a line or a move of a contract, in words


def judge_rehearsal(seen: Seen, rehearsed: Rehearsed) -> Iterator[Check]:
    """Nothing written, nothing different, and every exception to that by name."""
    yield from _without_effect(seen, rehearsed)
    yield from _invoices(seen, rehearsed)
    yield from _revenue(seen, rehearsed)
    yield from _pages(rehearsed)


def _without_effect(seen: Seen, rehearsed: Rehearsed) -> Iterator[Check]:
    states = Counter(one.state for one in rehearsed.releases.values())
    expected = {"discarded": 1, "shadowed": len(work.OUTCOMES) - 1}
    yield check("shadow: releases rehearsed", expected, dict(sorted(states.items())))
    yield check("shadow: written to the vendors meanwhile", {}, rehearsed.written)
    first = rehearsed.ended_at.replace(microsecond=0)  # Stripe tells whole seconds
    yield check("shadow: invoices, marks and postings from before its end", 0, sum(at < first for at in seen.made_at))
    looked = Counter(one.state for one in rehearsed.recognitions.values())
    yield check("shadow: recognitions rehearsed", {"shadowed": len(work.OUTCOMES)}, dict(looked))
    yield check("shadow: written to the vendors for revenue", {}, rehearsed.written_for_revenue)


def _invoices(seen: Seen, rehearsed: Rehearsed) -> Iterator[Check]:
    """Each rehearsed draft, with Stripe's lines, with the ledger's accounts, and with the draft that was posted."""
    drafts = {key: one.draft for key, one in rehearsed.releases.items() if one.draft is not None}
    refused = sorted(rehearsed.releases.keys() - drafts.keys())
    yield check("shadow: contracts that came to no draft", [work.UNPRICED], refused)
    pairs = [(draft, rehearsed.followed[key]) for key, draft in sorted(drafts.items())]
    drafted = Counter(line for draft, _ in pairs for line in _drafted(draft))
    issued = Counter(line for _, followed in pairs for line in _issued(seen, followed))
    expected, found = f"0 of {issued.total()}", _compared(drafted, issued)
    yield check("shadow: invoice lines that differ from stripe's", expected, found)
    lines = Counter(line for draft, _ in pairs for line in _whole(draft))
    posted = Counter(line for _, followed in pairs if followed.draft for line in _whole(followed.draft))
    expected, found = f"0 of {issued.total()}", _compared(lines, posted)
    yield check("shadow: lines that differ from the posted draft's in any field", expected, found)
    heads = {draft.contract_number: _head(draft, followed) for draft, followed in pairs}
    named = {key: names for key, names in heads.items() if names}
    yield check("shadow: what else of a document differs", {work.WAITING: _DATES}, named)
    planned = Counter(move for draft, _ in pairs for move in _planned(draft))
    booked = Counter(move for _, followed in pairs for move in _booked(seen, followed))
    expected, found = f"0 of {booked.total()}", _compared(planned, booked)
    yield check("shadow: postings that differ from the ledger's", expected, found)


def _revenue(seen: Seen, rehearsed: Rehearsed) -> Iterator[Check]:
    """What was measured, and what each account was moved by."""
    measured = Counter(_measured(one) for one in rehearsed.recognitions.values())
    recognised = Counter(_measured(rehearsed.recognised[key]) for key in rehearsed.recognitions)
    expected, found = f"0 of {len(work.OUTCOMES)}", _compared(measured, recognised)
    yield check("shadow: contracts whose revenue differs", expected, found)
    planned, booked = Counter[Told](), Counter[Told]()
    for one in rehearsed.revenue_reports:
        key = one.contract_number
        moves = [(move.account_role, move.rehearsed) for move in one.moves if move.rehearsed is not None]
        planned.update((key, role, _text(amount.value)) for role, amount in moves)
        booked.update(_moved(seen, one.legal_entity_code, key, one.document_number))
    expected, found = f"0 of {booked.total()}", _compared(planned, booked)
    yield check("shadow: journal lines that differ from the ledger's", expected, found)


def _pages(rehearsed: Rehearsed) -> Iterator[Check]:
    """Syncline's own comparison: what differs, what was refused, and why."""
    outcomes = Counter(one.outcome for one in rehearsed.reports)
    expected = {"differs": 1, "refused": 1, "same": len(work.OUTCOMES) - 2}
    yield check("rehearsal page: invoices by outcome", expected, dict(sorted(outcomes.items())))
    named = {one.contract_number: sorted(map(_field, one.differences)) for one in rehearsed.reports if one.differences}
    yield check("rehearsal page: what differs", {work.WAITING: _DATES}, named)
    why = {one.contract_number: [f.code for f in one.findings] for one in rehearsed.reports if one.outcome == "refused"}
    yield check("rehearsal page: what was refused", {work.UNPRICED: ["missing_rate"]}, why)
    remarked = sorted(one.contract_number for one in rehearsed.reports if one.remarks)
    yield check("rehearsal page: remarks on", sorted((work.WAITING, work.REBILLED)), remarked)
    revenue = Counter(one.outcome for one in rehearsed.revenue_reports)
    yield check("rehearsal page: revenue by outcome", {"same": len(work.OUTCOMES)}, dict(revenue))


def _compared(before: Counter[Told], after: Counter[Told]) -> str:
    """How many are on one side alone, of how many were rehearsed; and which."""
    alone = [*(before - after).elements(), *(after - before).elements()]
    return f"{len(alone)} of {before.total()}" + "".join(f"; {' '.join(one)}" for one in sorted(alone))


def _drafted(draft: Draft) -> Iterator[Told]:
    for line in draft.lines:
        yield draft.contract_number, line.description, _text(line.amount.value), _text(line.tax.value)


def _issued(seen: Seen, followed: Release) -> Iterator[Told]:
    """The lines of the invoice that was issued first, as Stripe has them."""
    for document in seen.of(followed.contract_number):
        if document.number == followed.invoice_number:
            for line in document.lines:
                yield followed.contract_number, line.description, _text(line.net), _text(line.tax)


def _whole(draft: Draft) -> Iterator[Told]:
    """Every field of every line."""
    for line in draft.lines:
        yield draft.contract_number, msgspec.json.encode(line).decode()


def _head(draft: Draft, followed: Release) -> list[str]:
    """What differs beside the lines; the dates of what followed are those that its documents were given."""
    names = ("document_date", "posting_date", "due_date")
    dates = {name: getattr(followed, name) for name in names if getattr(followed, name) is not None}
    if followed.draft is None:
        return ["everything"]
    posted = msgspec.structs.replace(followed.draft, **dates)
    return sorted(name for name in _HEAD if getattr(draft, name) != getattr(posted, name))


def _planned(draft: Draft) -> Iterator[Told]:
    """An invoice debits the receivable, and credits tax and the contract's balances."""
    moves = {"receivable": draft.gross.value, "tax_payable": draft.net.value - draft.gross.value}
    for line in draft.lines:
        moves[line.account_role] = moves.get(line.account_role, _ZERO) - line.amount.value
    for role, amount in moves.items():
        if amount:
            yield draft.contract_number, role, _text(amount)


def _booked(seen: Seen, followed: Release) -> Iterator[Told]:
    if followed.document_number is not None:
        yield from _moved(seen, followed.legal_entity_code, followed.contract_number, followed.document_number)


def _moved(seen: Seen, entity: str, contract: str, document_number: str | None) -> Iterator[Told]:
    """What a document moved in Business Central, by account role."""
    sums: dict[str, Decimal] = {}
    for entry in seen.entries[entity]:
        if entry.number == document_number:
            role = entry.role or entry.account
            sums[role] = sums.get(role, _ZERO) + entry.amount
    for role, amount in sums.items():
        yield contract, role, _text(amount)


def _measured(one: Recognition) -> Told:
    shown = (one.contract_number, one.revenue, one.cumulative_required, one.cumulative_posted, one.measured)
    return (msgspec.json.encode(shown).decode(),)


def _field(one: RehearsalDifference) -> str:
    return one.field


def _text(amount: Decimal) -> str:
    return f"{amount:.2f}"
