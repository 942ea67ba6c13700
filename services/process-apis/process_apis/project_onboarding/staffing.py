"""Who may be assigned to a role: pure rules over what HR and the PSA say."""

import hashlib
from collections.abc import Sequence
from datetime import date

import msgspec

from canonical.delivery import NewResourceRequest, Resource
from canonical.effective import DateRange
from canonical.people import Absence, Worker


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A worker who is a resource of the PSA, with the absences that touch the contract."""

    worker: Worker
    resource: Resource
    absences: tuple[Absence, ...]


def eligible(worker: Worker, request: NewResourceRequest, legal_entity_code: str, absences: Sequence[Absence]) -> bool:
    """Employed and in the entity for the whole time, with every skill, every dated fact passed, and not on leave."""
    needed = DateRange(from_date=request.start_date, to_date=request.end_date)
    return (
        _employed(worker, needed)
        and set(request.skills) <= set(worker.skills)
        and _in_entity(worker, needed, legal_entity_code)
        and all(fact.result == "pass" and _until(fact.valid_to, needed) for fact in worker.eligibility)
        and not any(
            absence.affects == "eligibility" and absence.approved and absence.effective.overlaps(needed)
            for absence in absences
        )
    )


def choose(
    candidates: Sequence[Candidate], request: NewResourceRequest, legal_entity_code: str, seed: str, taken: set[str]
) -> Candidate | None:
    """The proposed person, or none. Whoever has no part in this project yet comes first; *seed* spreads the proposals.

    The proposal is tentative: resource management moves it as they see fit.
    """
    fit = [one for one in candidates if eligible(one.worker, request, legal_entity_code, one.absences)]
    return min(fit, key=lambda one: (one.worker.id in taken, _spread(seed, one.worker.employment.number)), default=None)


def _employed(worker: Worker, needed: DateRange) -> bool:
    employment = worker.employment
    ends = [day for day in (employment.termination_date, employment.contract_end_date) if day is not None]
    return employment.hire_date <= needed.from_date and all(_until(day, needed) for day in ends)


def _in_entity(worker: Worker, needed: DateRange, legal_entity_code: str) -> bool:
    """Every set of terms that touches the time is with the entity, and together they leave no hole at its start."""
    touching = [terms for terms in worker.terms if terms.effective.overlaps(needed)]
    starts = any(terms.effective.holds(needed.from_date) for terms in touching)
    return starts and all(terms.legal_entity_code == legal_entity_code for terms in touching)


def _until(last: date | None, needed: DateRange) -> bool:
    return last is None or (needed.to_date is not None and needed.to_date <= last)


def _spread(seed: str, worker_number: str) -> str:
    return hashlib.sha256(f"{seed}\n{worker_number}".encode()).hexdigest()
