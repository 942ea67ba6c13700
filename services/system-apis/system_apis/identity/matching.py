"""Which account is a worker's: the number decides, else two strong facts, else a person. A link once made stays."""

import unicodedata
from collections.abc import Sequence

import msgspec

from canonical.delivery import NewMatch
from canonical.people import IdentityAccount
from servicekit.failures import Failure, Kind

Candidate = tuple[IdentityAccount, str]  # with what it was found by (port.py)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`account` is there when the result is linked; `matched_by` says why."""

    result: str
    account: IdentityAccount | None = None
    matched_by: str | None = None


def decided(candidates: Sequence[Candidate], wanted: NewMatch, linked: IdentityAccount | None) -> Verdict:
    """`linked` is the account that the worker has already.

    Raises CONFLICT `already_linked` when the certain account is another one than that.
    """
    verdict = _verdict(candidates, wanted)
    if linked is None:
        return verdict
    if verdict.account is None:
        # A person decided, or the platform's facts have changed since: the link holds.
        return Verdict(result="linked", account=linked)
    if verdict.account.id != linked.id:
        raise Failure(Kind.CONFLICT, "the worker is linked to another account", code="already_linked")
    return verdict


def same_name(one: str, other: str) -> bool:
    """Equal but for case, accents, spacing and the order of the parts."""
    return _normal(one) == _normal(other)


def _verdict(candidates: Sequence[Candidate], wanted: NewMatch) -> Verdict:
    if not candidates:
        return Verdict(result="unmatched")
    numbered = [account for account, found_by in candidates if found_by == "worker_number"]
    if len(numbered) == 1:
        return Verdict(result="linked", account=numbered[0], matched_by="worker_number")
    if len(candidates) == 1:
        account, found_by = candidates[0]
        if found_by == "email" and same_name(account.name, wanted.name):
            return Verdict(result="linked", account=account, matched_by="email_and_name")
    return Verdict(result="ambiguous")


def _normal(name: str) -> tuple[str, ...]:
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return tuple(sorted(plain.casefold().replace(",", " ").split()))
