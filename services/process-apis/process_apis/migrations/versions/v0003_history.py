"""What a run has done, in the order in which its workflow asks for it; each execution of a run has a number."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# `result` and `failure` are as they were written, so `json`: nobody searches in them.
HISTORY = """
alter table run add column execution integer not null default 0;
create table history (
    run_id text not null references run,
    n integer not null,
    execution integer not null,
    name text not null,
    result json,
    failure json,
    primary key (run_id, n)
);
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(HISTORY)
