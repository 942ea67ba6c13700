"""What moves money: releases, what may be billed and is claimed, limits, postings, batches, recognitions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNS_AND_APPROVALS = """
alter table run rename column won_at to arose_at;
alter table run add column request jsonb not null default '{}';
alter table approval add column barred jsonb not null default '[]';
alter table approval add column reminded_at timestamptz;
"""

# A claim is on item, quantity and amount. The checks are the last guard: no item is on claims beyond what it is worth.
CLAIMS = """
create table billable (
    item_id text primary key,
    kind text not null,
    version text not null,
    contract_id text not null,
    project_id text not null,
    legal_entity_code text not null,
    currency text not null,
    quantity numeric(14, 4) not null,
    amount numeric(20, 4) not null,
    claimed_quantity numeric(14, 4) not null default 0,
    claimed_amount numeric(20, 4) not null default 0,
    work_date date not null,
    approved_by text,
    approved_at timestamptz,
    description text not null,
    withdrawn boolean not null default false,
    part_of_fixed_fee boolean not null default false,
    due boolean not null,
    updated_at timestamptz not null,
    constraint billable_not_claimed_twice check
        (claimed_amount between 0 and amount and claimed_quantity between 0 and quantity)
);
create index billable_by_contract on billable (contract_id, work_date);
create table claim (
    n bigint generated always as identity primary key,
    release_id text not null,
    item_id text not null references billable,
    item_version text not null,
    disposition text not null,
    quantity numeric(14, 4) not null,
    amount numeric(20, 4) not null,
    line_key text,
    reason text,
    state text not null default 'live',
    at timestamptz not null
);
create unique index claim_live on claim (release_id, item_id, disposition) where state = 'live';
create index claim_by_item on claim (item_id);
create table spending_limit (
    contract_id text not null,
    kind text not null,
    currency text not null,
    amount numeric(20, 4) not null,
    used numeric(20, 4) not null default 0,
    primary key (contract_id, kind),
    constraint spending_limit_kept check (used between 0 and amount)
);
create table hold (
    item_id text primary key,
    contract_id text not null,
    reason text not null,
    by_actor text not null,
    at timestamptz not null
);
create table adjustment (
    release_id text not null,
    item_id text not null,
    kind text not null,
    amount numeric(20, 4),
    narrative text,
    reason text not null,
    by_actor text not null,
    at timestamptz not null,
    primary key (release_id, item_id, kind)
);
"""

RELEASES = """
create table release (
    id text primary key,
    run_id text not null unique references run,
    reference text not null unique,
    kind text not null,
    revision integer not null,
    batch_id text,
    corrects_release_id text,
    contract_id text not null,
    contract_number text not null,
    project_id text,
    project_number text,
    customer_id text,
    customer_name text,
    legal_entity_code text not null,
    currency text not null,
    cut_off date not null,
    document_state text not null,
    posting_state text not null,
    payment_state text not null,
    draft jsonb,
    drafts integer not null default 0,
    redraft boolean not null default false,
    approved_by jsonb not null default '[]',
    invoice_id text,
    invoice_number text,
    credit_note_id text,
    billing_mark_id text,
    receivable_id text,
    document_number text,
    document_date date,
    posting_date date,
    due_date date,
    posting_moved text,
    approved_at timestamptz,
    issued_at timestamptz,
    posted_at timestamptz,
    updated_at timestamptz not null
);
create index release_by_contract on release (contract_id, cut_off);
create index release_by_invoice on release (invoice_id);
create table work_to_see (
    project_id text primary key,
    at timestamptz not null
);
create table voided_number (
    legal_entity_code text not null,
    number text not null,
    release_id text not null,
    reason text not null,
    by_actor text not null,
    voided_at timestamptz not null,
    primary key (legal_entity_code, number)
);
create table batch (
    id text primary key,
    legal_entity_code text not null,
    cut_off date not null,
    document_date date,
    state text not null,
    requested_by text not null,
    trace_parent text not null,
    correlation_id text not null,
    requested_at timestamptz not null,
    ended_at timestamptz
);
create table batch_item (
    batch_id text not null references batch,
    contract_id text not null,
    name text not null,
    place integer not null,
    run_id text,
    refusal text,
    work jsonb,
    primary key (batch_id, contract_id)
);
create index batch_item_by_run on batch_item (run_id);
"""

# `entered` is in the contract's currency, `accounted` in the entity's own; both by account role, debit positive.
LEDGER = """
create table posting (
    reference text not null,
    kind text not null,
    run_id text not null,
    contract_id text not null,
    legal_entity_code text not null,
    document_number text not null,
    posting_date date not null,
    currency text not null,
    entered jsonb not null,
    base_currency text not null,
    accounted jsonb not null,
    rate text not null,
    rate_date date,
    at timestamptz not null,
    primary key (kind, reference)
);
create index posting_by_contract on posting (contract_id, posting_date);
create index posting_by_entity on posting (legal_entity_code, posting_date);
create table recognition (
    id text primary key,
    run_id text not null unique references run,
    reference text not null unique,
    contract_id text not null,
    contract_number text not null,
    legal_entity_code text not null,
    currency text not null,
    method text not null,
    measure text not null,
    period_end date not null,
    posting_date date,
    measured jsonb,
    cumulative_required text,
    cumulative_posted text,
    revenue text,
    journal_id text,
    document_number text,
    updated_at timestamptz not null
);
create index recognition_by_contract on recognition (contract_id, period_end);
"""


def upgrade() -> None:
    """Make the tables."""
    for statements in (RUNS_AND_APPROVALS, CLAIMS, RELEASES, LEDGER):
        op.execute(statements)
