"""Cross-reference, observed records, watermarks of pollers, stored answers of writes."""

from alembic import op

from servicekit.answers import create_answers_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
create table cross_reference (
    connection text not null,
    kind text not null,
    native_id text not null,
    canonical_id text not null,
    legal_entity_code text,
    currency text,
    linked_at timestamptz not null,
    primary key (connection, kind, native_id)
);
create index cross_reference_by_canonical_id on cross_reference (canonical_id);
create table observed (
    connection text not null,
    canonical_id text not null,
    fields jsonb not null,
    transitions integer not null,
    version timestamptz not null,
    primary key (connection, canonical_id)
);
create table watermark (
    connection text not null,
    kind text not null,
    at timestamptz not null,
    primary key (connection, kind)
);
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(TABLES)
    create_answers_table(op)
