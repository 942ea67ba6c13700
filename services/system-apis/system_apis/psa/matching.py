"""Which record is a worker's: the number decides, else two strong facts, else a person. A link once made stays."""

import unicodedata
from collections.abc import Sequence

import msgspec

from canonical.delivery import NewMatch, Resource
from servicekit.failures import Failure, Kind

Candidate = tuple[Resource, str]  # with what it was found by (port.py)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`resource` is there when the result is linked; `matched_by` says why."""

    result: str
    resource: Resource | None = None
    matched_by: str | None = None


def decided(candidates: Sequence[Candidate], wanted: NewMatch, linked: Resource | None) -> Verdict:
    """`linked` is the record that the worker has already.

    Raises CONFLICT `already_linked` when the certain record is another one than that.
    """
    verdict = _verdict(candidates, wanted)
    if linked is None:
        return verdict
    if verdict.resource is None:
        # A person decided, or the platform's facts have changed since: the link holds.
        return Verdict(result="linked", resource=linked)
    if verdict.resource.id != linked.id:
        raise Failure(Kind.CONFLICT, "the worker is linked to another record", code="already_linked")
    return verdict


def same_name(one: str, other: str) -> bool:
    """Equal but for case, accents, spacing and the order of the parts."""
    return _normal(one) == _normal(other)


def _verdict(candidates: Sequence[Candidate], wanted: NewMatch) -> Verdict:
    if not candidates:
        return Verdict(result="unmatched")
    numbered = [resource for resource, found_by in candidates if found_by == "worker_number"]
    if len(numbered) == 1:
        return Verdict(result="linked", resource=numbered[0], matched_by="worker_number")
    if len(candidates) == 1:
        resource, found_by = candidates[0]
        if found_by == "email" and same_name(resource.name, wanted.name):
            return Verdict(result="linked", resource=resource, matched_by="email_and_name")
    return Verdict(result="ambiguous")


def _normal(name: str) -> tuple[str, ...]:
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return tuple(sorted(plain.casefold().replace(",", " ").split()))
