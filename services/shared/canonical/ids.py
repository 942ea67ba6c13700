"""Canonical ids as types: opaque, prefixed, minted only by the capability that owns the kind.

`id_kind` in the type's metadata lets the directory of a system API see which fields of a struct hold ids, and of what.
A connector fills these fields with the vendor's own ids; the directory replaces them on the way out.
"""

from typing import Annotated

from msgspec import Meta

CustomerId = Annotated[str, Meta(pattern=r"^cus_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "customer"})]
OpportunityId = Annotated[str, Meta(pattern=r"^opp_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "opportunity"})]
ContractId = Annotated[str, Meta(pattern=r"^ctr_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "contract"})]
ProjectId = Annotated[str, Meta(pattern=r"^prj_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "project"})]
TaskId = Annotated[str, Meta(pattern=r"^tsk_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "task"})]
MilestoneId = Annotated[str, Meta(pattern=r"^mil_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "milestone"})]
ResourceRequestId = Annotated[
    str, Meta(pattern=r"^rrq_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "resource_request"})
]
ResourceId = Annotated[str, Meta(pattern=r"^res_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "resource"})]
AssignmentId = Annotated[str, Meta(pattern=r"^asg_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "assignment"})]
PersonId = Annotated[str, Meta(pattern=r"^per_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "person"})]
WorkerId = Annotated[str, Meta(pattern=r"^wrk_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "worker"})]
AccountId = Annotated[str, Meta(pattern=r"^acc_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "identity_account"})]
CustomerAccountId = Annotated[
    str, Meta(pattern=r"^cac_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "customer_account"})
]
BillingAccountId = Annotated[
    str, Meta(pattern=r"^bac_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "billing_account"})
]
BillingScheduleId = Annotated[
    str, Meta(pattern=r"^sch_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "billing_schedule"})
]
LegalEntityId = Annotated[str, Meta(pattern=r"^len_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "legal_entity"})]
ProjectShellId = Annotated[str, Meta(pattern=r"^shl_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "project_shell"})]
OnboardingId = Annotated[str, Meta(pattern=r"^onb_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "onboarding"})]
ExceptionId = Annotated[str, Meta(pattern=r"^exc_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "exception"})]
ApprovalId = Annotated[str, Meta(pattern=r"^apr_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "approval"})]
TimeEntryId = Annotated[str, Meta(pattern=r"^ten_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "time_entry"})]
ExpenseId = Annotated[str, Meta(pattern=r"^xpn_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "expense"})]
BillingMarkId = Annotated[str, Meta(pattern=r"^bmk_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "billing_mark"})]
RecognisedRevenueId = Annotated[
    str, Meta(pattern=r"^rrv_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "recognised_revenue"})
]
InvoiceId = Annotated[str, Meta(pattern=r"^inv_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "invoice"})]
CreditNoteId = Annotated[str, Meta(pattern=r"^crn_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "credit_note"})]
ReceivableId = Annotated[str, Meta(pattern=r"^rcv_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "receivable"})]
JournalId = Annotated[str, Meta(pattern=r"^jrn_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "journal"})]
ReleaseId = Annotated[str, Meta(pattern=r"^rel_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "release"})]
BatchId = Annotated[str, Meta(pattern=r"^bat_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "batch"})]
RecognitionId = Annotated[str, Meta(pattern=r"^rcg_[0-9a-f]{32}$", max_length=36, extra={"id_kind": "recognition"})]

PREFIXES = {
    "customer": "cus",
    "opportunity": "opp",
    "contract": "ctr",
    "project": "prj",
    "task": "tsk",
    "milestone": "mil",
    "resource_request": "rrq",
    "resource": "res",
    "assignment": "asg",
    "person": "per",
    "worker": "wrk",
    "identity_account": "acc",
    "customer_account": "cac",
    "billing_account": "bac",
    "billing_schedule": "sch",
    "legal_entity": "len",
    "project_shell": "shl",
    "onboarding": "onb",
    "exception": "exc",
    "approval": "apr",
    "time_entry": "ten",
    "expense": "xpn",
    "billing_mark": "bmk",
    "recognised_revenue": "rrv",
    "invoice": "inv",
    "credit_note": "crn",
    "receivable": "rcv",
    "journal": "jrn",
    "release": "rel",
    "batch": "bat",
    "recognition": "rcg",
}
