"""Runs and their steps, exceptions, approvals, wakes, due rows, bindings, audit, stored answers."""

from alembic import op

from servicekit.answers import create_answers_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create table run (
    run_id text primary key,
    id text not null unique,
    process text not null,
    business_key text not null,
    n integer not null,
    trigger text not null,
    name text not null,
    state text not null,
    kind text,
    mode text,
    legal_entity_code text,
    amount text,
    currency text,
    refs jsonb not null default '{}',
    plan jsonb,
    actor text not null,
    trace_parent text not null,
    correlation_id text not null,
    won_at timestamptz not null,
    started_at timestamptz not null,
    activated_at timestamptz,
    ended_at timestamptz,
    waiting_since timestamptz,
    waiting_s double precision not null default 0,
    updated_at timestamptz not null,
    launched boolean not null default false,
    unique (process, business_key, trigger),
    unique (process, business_key, n)
);
create index run_by_start on run (process, started_at desc, id desc);
create table step (
    run_id text not null references run,
    name text not null,
    place integer not null,
    state text not null,
    system text,
    attempts integer not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    detail text,
    trace_id text,
    primary key (run_id, name)
);
create table exception_case (
    id text primary key,
    class text not null,
    code text not null,
    title text not null,
    detail text not null,
    process text not null,
    run_id text not null references run,
    step text not null,
    blocking boolean not null,
    legal_entity_code text,
    owner_team text not null,
    assignee text,
    priority text not null,
    amount text,
    currency text,
    raised_at timestamptz not null,
    due_at timestamptz not null,
    resolved_at timestamptz,
    status text not null,
    findings jsonb not null,
    suggested_fix text not null,
    refs jsonb not null,
    comments jsonb not null default '[]',
    occurrences integer not null default 1,
    updated_at timestamptz not null
);
create unique index exception_case_open on exception_case (run_id, step) where resolved_at is null;
create index exception_case_by_age on exception_case (raised_at, id);
create table decision (
    n bigint generated always as identity primary key,
    run_id text not null references run,
    case_id text references exception_case,
    decision text not null,
    edits jsonb,
    reason text not null,
    by_actor text not null,
    at timestamptz not null
);
create index decision_by_run on decision (run_id, n);
create table approval (
    id text primary key,
    process text not null,
    run_id text not null references run,
    subject text not null,
    required_role text not null,
    because jsonb not null,
    legal_entity_code text not null,
    amount text not null,
    currency text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    due_at timestamptz not null,
    status text not null,
    decided_by text,
    decided_at timestamptz,
    reason text,
    unique (run_id, subject)
);
create table wake (
    n bigint generated always as identity primary key,
    process text not null,
    run_id text not null,
    at timestamptz not null,
    sent_at timestamptz
);
create index wake_unsent on wake (process, n) where sent_at is null;
create table due (
    id text primary key,
    process text not null,
    run_id text not null,
    kind text not null,
    subject text not null,
    at timestamptz not null,
    done_at timestamptz,
    unique (run_id, kind, subject)
);
create index due_open on due (at) where done_at is null;
create table binding (
    legal_entity_code text not null,
    capability text not null,
    connection text not null,
    from_date date not null,
    mode text not null,
    updated_at timestamptz not null,
    primary key (legal_entity_code, capability, from_date)
);
create table audit (
    n bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    client_id text not null,
    action text not null,
    subject text not null,
    reason text not null,
    detail jsonb not null
);
create index audit_by_subject on audit (subject, n);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)
    create_answers_table(op)
