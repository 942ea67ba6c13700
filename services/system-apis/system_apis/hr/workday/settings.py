"""What a Workday connection needs: the tenant, two ways to sign in, and how this tenant names fields and reports.

A name that is set to "" says that the firm does not keep this at all; then nothing is asked for and nothing is missed.
"""

from typing import Literal

import msgspec

from servicekit.settings import Secret

WORKER_KINDS = {"Employee": "employee", "Contingent Worker": "contractor"}


class WorkerFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of the WQL data source. `originalHireDate`, `contractEndDate` and the like vary between tenants."""

    source: str = "allWorkers"
    reference: str = "worker"  # the instance that conditions compare
    wid: str = "workdayID"
    number: str = "employeeID"
    person: str = "person"
    name: str = "fullName"
    kind: str = "workerType"
    active: str = "workerActive"
    hire_date: str = "hireDate"
    original_hire_date: str = "originalHireDate"
    updated: str = "lastFunctionallyUpdated"
    termination_date: str = "terminationDate"
    contract_end_date: str = "contractEndDate"
    email: str = "email_Work"
    skills: str = "skills"


class TermsReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row per worker and range of days on which nothing changed, past and already entered future included."""

    report: str = "Syncline_Worker_Terms"
    worker: str = "Worker_WID"
    effective_from: str = "Effective_From"
    effective_to: str = "Effective_To"  # the last day of the range; empty until further notice
    entered_at: str = "Entered_At"
    company: str = "Company"  # its reference id, not what people see
    cost_centre: str = "Cost_Center"  # its reference id
    location: str = "Location"
    time_zone: str = "Time_Zone"
    job_profile: str = "Job_Profile"
    weekly_hours: str = "Weekly_Hours"
    grade: str = "Grade"
    manager: str = "Manager_ID"


class EligibilityReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row per worker and permit or certificate that decides who may be assigned."""

    report: str = "Syncline_Worker_Eligibility"
    worker: str = "Worker_WID"
    check: str = "Check"
    result: str = "Result"  # Pass or Fail
    valid_to: str = "Valid_To"


class CostRateReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row per worker and rate; a rate holds until the next one becomes effective."""

    report: str = "Worker_Cost_Rates"
    worker: str = "Worker_WID"
    rate: str = "Cost_Rate"
    currency: str = "Currency"
    unit: str = "Unit"
    effective_date: str = "Effective_Date"
    entered_at: str = "Entered_At"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tenant. Fields without a default are required.

    `username` and `password` are the integration system user's, for SOAP and, where `report_sign_in` says so, reports.
    `known_workers` are numbers of workers who together have every field, a time off and a leave: what does not arrive
    for them is hidden from us.
    """

    base_url: str  # of the API, as the report View API Clients shows it; not the address that people use
    tenant: str
    client_id: str
    client_secret: Secret
    username: str
    password: Secret
    known_workers: tuple[str, ...]
    refresh_token: Secret | None = None  # none: the grant is client_credentials
    token_url: str = ""  # "" is {base_url}/ccx/oauth2/{tenant}/token
    report_sign_in: Literal["token", "password"] = "token"
    report_owner: str = ""  # "" is `username`
    soap_version: str = "v44.2"
    absence_version: str = "v1"
    concurrency: int = 5  # calls at a time; Workday publishes no limit, practitioners see about ten a second
    timeout_s: float = 60.0  # of one call with its retries; reports are slow
    horizon_days: int = 366  # how far ahead starters are looked for among the changes
    clock_margin_s: float = 5.0  # our clock may be that much ahead of Workday's, which refuses moments to come
    workers: WorkerFields = WorkerFields()
    terms: TermsReport = TermsReport()
    eligibility: EligibilityReport = EligibilityReport()
    cost_rates: CostRateReport = CostRateReport()
    worker_kinds: dict[str, str] = msgspec.field(
        default_factory=lambda: dict(WORKER_KINDS)
    )  # the tenant's words -> ours
    leave_statuses: tuple[str, ...] = ("Approved", "Successfully Completed")  # those of an approved leave
    legal_entities: dict[str, str] = {}  # the tenant's company reference id -> our code, where they differ
    time_zones: dict[str, str] = {}  # the tenant's name -> IANA, where they differ

    def __post_init__(self) -> None:
        if not self.known_workers:
            raise ValueError("known_workers names at least one worker")
