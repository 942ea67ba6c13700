"""Recognised revenue: project accounting records of the type `Recognition`; the others are plans and progress."""

from datetime import timedelta

from canonical.effective import DateRange
from canonical.entries import RecognisedRevenue
from canonical.money import Money
from servicekit.failures import Failure, Kind
from system_apis.psa.kantata.mapping.delivery import known
from system_apis.psa.kantata.records import AccountingRecord

RECOGNITION = "Recognition"


def to_recognised_revenue(record: AccountingRecord) -> RecognisedRevenue:
    """Kantata's last day is within the period, ours is the first after it.

    Raises INVALID `recognised_without_amount`: an import may leave the amount out, and `amount_to_date` says another
    thing.
    """
    if record.amount is None:
        detail = f"the PSA holds revenue up to {record.end_date} without saying how much"
        raise Failure(Kind.INVALID, detail, code="recognised_without_amount")
    return RecognisedRevenue(
        id=record.id,
        project_id=known(record.workspace_id),
        period=DateRange(from_date=record.start_date, to_date=record.end_date + timedelta(days=1)),
        amount=Money.of(record.amount, record.currency),
        updated_at=record.updated_at,
    )
