"""Our own record-keeping breaks as nobody foresaw: people are told, and the run goes on once it is mended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import psycopg
from firm import Firm
from running_money import RunningMoney, gbp
from running_onboarding import eventually

from canonical.sales import Contract
from servicekit.database import driver_url


async def test_a_record_that_breaks_waits_for_a_person_and_goes_on(
    money: RunningMoney, firm: Firm, process_database: str
) -> None:
    """The journal is in the ledger, our own note of it is refused: an exception, then the note, and one journal."""
    contract = money.agreed()
    money.worked(contract, "10")
    with _postings_refused(process_database, contract):
        broken = await money.recognised(contract, date(2027, 1, 1))
        case = await money.open_case(broken.run_id)
    assert ("in_exception", "step_broke", "technical", "posted") == (
        broken.state,
        case.code,
        case.exception_class,
        case.step,
    )
    await money.decide(broken.run_id, "retry")
    mended = await money.ended(broken.run_id, "recognised")
    assert ("recognised", gbp("1200.00"), 1) == (mended.state, mended.revenue, len(firm.journals))

    async def closed() -> bool | None:
        return not await money.desk.cases.many(open_only=True, run_id=broken.run_id) or None

    assert await eventually(closed, "the exception to be closed")


@contextmanager
def _postings_refused(database: str, contract: Contract) -> Iterator[None]:
    """A rule of the database that no posting of this contract obeys, as a migration gone wrong might leave one."""
    with psycopg.connect(driver_url(database), autocommit=True) as connection:
        connection.execute(
            f"alter table process.posting add constraint mistaken check (contract_id <> '{contract.id}')"
        )
        yield
        connection.execute("alter table process.posting drop constraint mistaken")
