"""Documents in which the ledger recognised revenue by itself, and what of them we do not keep yet: pure."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from canonical.money import Money
from canonical.postings import LedgerEntry
from process_apis.ledger.postings import Posting, by_role
from servicekit.failures import Failure, Kind

Document = tuple[str, date]  # its number and posting date: what balances by itself


def of_project(entries: Iterable[LedgerEntry], project_number: str) -> tuple[LedgerEntry, ...]:
    """What of the documents belongs to the project: its own entries where they balance, else the whole document.

    Raises INVALID `revenue_not_separable` for a document of several projects whose own entries do not balance.
    """
    found: list[LedgerEntry] = []
    for (number, day), whole in _documents(entries).items():
        own = [one for one in whole if _is_of(one, project_number)]
        strange = [one for one in whole if one.project_number and not _is_of(one, project_number)]
        if sum((one.amount.value for one in own), Decimal(0)) == 0:
            found += own
        elif not strange:
            found += whole
        else:
            message = f"document {number} of {day} moves several projects, and not each by itself"
            raise Failure(Kind.INVALID, message, code="revenue_not_separable")
    return tuple(found)


def unkept(entries: Iterable[LedgerEntry], kept: Iterable[Posting]) -> dict[Document, dict[str, Money]]:
    """What each document moved, less what we keep of it already, by role; documents without any are left out.

    Accounts without a role that even out by themselves, such as those of cost, are no concern of revenue. Raises
    INVALID `account_without_role` for others: the contract's balance would not hold.
    """
    held: dict[Document, list[Posting]] = defaultdict(list)
    for posting in kept:
        held[posting.document_number, posting.posting_date].append(posting)
    found: dict[Document, dict[str, Money]] = {}
    for document, whole in _documents(entries).items():
        moved = {role: _less(amount, role, held[document]) for role, amount in _of_roles(document, whole).items()}
        moved = {role: amount for role, amount in moved.items() if amount.value}
        if moved:
            found[document] = moved
    return found


def converted(accounted: dict[str, Money], rate: Decimal, currency: str) -> dict[str, Money]:
    """In the contract's currency, *rate* being what the ledger makes of one unit; the remainder is on the largest."""
    entered = {role: Money.of(amount.value / rate, currency) for role, amount in accounted.items()}
    left_over = sum((amount.value for amount in entered.values()), Decimal(0))
    largest = max(entered, key=lambda role: abs(entered[role].value))
    return {**entered, largest: entered[largest] - Money.of(left_over, currency)}


def _documents(entries: Iterable[LedgerEntry]) -> dict[Document, list[LedgerEntry]]:
    found: dict[Document, list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        found[entry.document_number, entry.posting_date].append(entry)
    return found


def _of_roles(document: Document, entries: list[LedgerEntry]) -> dict[str, Money]:
    without = [one for one in entries if one.account_role is None]
    if sum((one.amount.value for one in without), Decimal(0)) != 0:
        accounts = ", ".join(sorted({one.account_number for one in without}))
        message = f"document {document[0]} moves revenue against accounts that play no role: {accounts}"
        raise Failure(Kind.INVALID, message, code="account_without_role")
    return by_role(one for one in entries if one.account_role is not None)


def _less(amount: Money, role: str, kept: list[Posting]) -> Money:
    return amount - Money.of(sum((one.moved_in_base(role) for one in kept), Decimal(0)), amount.currency)


def _is_of(entry: LedgerEntry, project_number: str) -> bool:
    """Ledgers write codes in upper case."""
    return (entry.project_number or "").upper() == project_number.upper()
