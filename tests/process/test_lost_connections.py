"""The engine's connections are cut while nobody looks, as by a database that fails over."""

from __future__ import annotations

from datetime import date

import psycopg
from firm import Firm
from running_money import RunningMoney, gbp

from servicekit.database import driver_url

# Ours are all named; what is left is the engine's.
_CUT = (
    "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database()"
    " and backend_type = 'client backend' and application_name not like 'syncline%' and pid <> pg_backend_pid()"
)


async def test_a_run_over_connections_that_were_cut_ends_once(
    money: RunningMoney, firm: Firm, process_database: str
) -> None:
    """Nobody asks the engine's connections before their use whether they are there: what breaks is done again."""
    contract = money.agreed()
    money.worked(contract, "10")
    with psycopg.connect(driver_url(process_database), autocommit=True) as connection:
        cut = connection.execute(_CUT).fetchone()
    assert cut is not None
    assert cut[0] > 0
    ended = await money.recognised(contract, date(2027, 1, 1))
    assert ("recognised", gbp("1200.00"), 1) == (ended.state, ended.revenue, len(firm.journals))
