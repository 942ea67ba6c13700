"""What Alembic runs for this history."""

from servicekit.migrate import run_history

run_history()
