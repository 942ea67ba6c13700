"""Copies of sections, and the event-fed view."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create table section_copy (
    name text primary key,
    as_of timestamptz not null,
    body bytea not null
);
create table event_view (
    id text primary key,
    type text not null,
    source text not null,
    subject text not null,
    correlation_id text,
    trace_id text,
    at timestamptz not null,
    refs jsonb not null
);
create index event_view_by_subject on event_view (subject);
create index event_view_by_ref on event_view using gin (refs);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)
