"""Persons, employments and workers. Master: HR. Pay and the reasons of absence are never here."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.effective import DateRange
from canonical.ids import AccountId, PersonId, WorkerId
from canonical.moments import Moment
from canonical.money import Rate
from canonical.references import ExternalId

EmploymentKind = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["employee", "contractor"]})]


class Employment(msgspec.Struct, frozen=True, kw_only=True):
    """One engagement of a person. A rehire or a conversion is a new employment of the same person."""

    number: str
    kind: EmploymentKind
    hire_date: date
    original_hire_date: date
    termination_date: date | None
    contract_end_date: date | None = None


class WorkTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Where a worker stands in the firm, for a range of days, as recorded at a moment."""

    effective: DateRange
    recorded_at: Moment
    legal_entity_code: str
    cost_centre_code: str
    location: str
    time_zone: str
    job_profile: str
    grade: str | None
    weekly_hours: int
    manager_worker_number: str | None


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """A dated fact that decides who may be assigned (work permit, certificate): only pass or fail, and until when."""

    check: str
    result: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["pass", "fail"]})]
    valid_to: date | None


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A person in an employment, with dated terms and skills."""

    id: WorkerId
    person_id: PersonId
    external_ids: tuple[ExternalId, ...] = ()
    name: str
    email: str | None
    employment: Employment
    terms: tuple[WorkTerms, ...]
    skills: tuple[str, ...]
    eligibility: tuple[Eligibility, ...] = ()
    updated_at: Moment


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """Days on which a worker is away. `affects` says whether capacity shrinks or nobody can assign the worker."""

    worker_id: WorkerId
    effective: DateRange
    affects: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["capacity", "eligibility"]})]
    approved: bool


class CostRate(msgspec.Struct, frozen=True, kw_only=True):
    """What an hour of a worker costs the firm. Has a scope of its own and never travels in an event."""

    worker_id: WorkerId
    rate: Rate
    effective: DateRange
    recorded_at: Moment


class IdentityAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account at the identity provider. `worker_id` is absent until it is matched to a worker."""

    id: AccountId
    external_ids: tuple[ExternalId, ...] = ()
    worker_id: WorkerId | None
    worker_number: str | None
    login: str
    name: str
    email: str | None
    active: bool
    updated_at: Moment
