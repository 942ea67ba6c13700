"""The event-fed view: ids and moments, each event once, found by any id that it names."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from canonical.envelope import Event
from canonical.events import EVENTS
from experience_api.hops import EventSeen, EventView
from servicekit.database import Database

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLES = sorted((Path(__file__).parents[3] / "contracts/events/samples").glob("*.json"))
PROJECT, DEAL, CONTRACT = "prj_" + "1" * 32, "opp_" + "2" * 32, "ctr_" + "3" * 32


@pytest.fixture
def view(views: Database) -> EventView:
    return EventView(views)


def event(number: int = 1, *, minute: int = 0, subject: str = PROJECT, **data: Any) -> Event:
    told: dict[str, Any] = {"project_id": PROJECT, "opportunity_id": DEAL, "contract_id": CONTRACT} | data
    return Event(
        id=f"event-{number}",
        source="/process/project-onboarding",
        type="syncline.project-activated.v1",
        subject=subject,
        time=NINE + timedelta(minutes=minute),
        traceparent=f"00-{TRACE}-00f067aa0ba902b7-01",
        correlationid="c-1",
        data=msgspec.Raw(msgspec.json.encode(told)),
    )


async def test_an_event_is_told_in_a_line(view: EventView) -> None:
    """What, by whom, of what, when, and in which trace."""
    await view.keep(event())
    wanted = EventSeen(
        type="syncline.project-activated.v1",
        source="/process/project-onboarding",
        subject=PROJECT,
        trace_id=TRACE,
        at=NINE,
    )
    assert (wanted,) == await view.of((PROJECT,))


async def test_a_repeated_event_changes_nothing(view: EventView) -> None:
    """The same id is the same fact, also when its repeat tells another time."""
    for minute in (0, 0, 5):
        await view.keep(event(minute=minute))
    assert [NINE] == [seen.at for seen in await view.of((PROJECT,))]


@pytest.mark.parametrize("ids", [(PROJECT,), (DEAL,), (CONTRACT,), ("prj_none", CONTRACT), (PROJECT, DEAL, CONTRACT)])
async def test_an_event_is_found_by_any_id_that_it_names(view: EventView, ids: tuple[str, ...]) -> None:
    """By its subject or by an id in its data; once, however many of them are asked for."""
    await view.keep(event())
    assert 1 == len(await view.of(ids))


async def test_an_event_is_found_by_its_subject_alone(view: EventView) -> None:
    """Also where its data does not name it."""
    await view.keep(event(subject="exc_1", project_id=None, opportunity_id=None, contract_id=None))
    assert ["exc_1"] == [seen.subject for seen in await view.of(("exc_1",))]


@pytest.mark.parametrize("ids", [("prj_none",), ("EUR",), ("Plant analytics",), ("%",), ()])
async def test_what_is_no_id_of_the_event_does_not_find_it(view: EventView, ids: tuple[str, ...]) -> None:
    """Names and amounts are not kept, so nothing is found by them."""
    await view.keep(event(name="Plant analytics", value={"amount": "1", "currency": "EUR"}))
    assert () == await view.of(ids)


async def test_events_are_told_in_the_order_of_time(view: EventView) -> None:
    """Of when they happened, not of when they were learnt; the id decides between equals."""
    for number, minute in ((1, 5), (2, 0), (4, 3), (3, 3)):
        await view.keep(event(number, minute=minute, subject=f"s{number}"))
    assert ["s2", "s3", "s4", "s1"] == [seen.subject for seen in await view.of((DEAL,))]


async def test_an_event_without_a_trace_is_told_without_one(view: EventView) -> None:
    """Not every fact is learnt in the course of work that is traced."""
    await view.keep(msgspec.structs.replace(event(), traceparent=None, correlationid=None))
    assert [None] == [seen.trace_id for seen in await view.of((DEAL,))]


async def test_no_more_than_ids_and_the_moment_is_kept(view: EventView, views: Database) -> None:
    """What an event says stays in the log: no names, no amounts, no text here."""
    await view.keep(event(name="Plant analytics", value={"amount": "87000", "currency": "EUR"}))
    async with views.begin() as session:
        row = (await session.execute(text("select * from event_view"))).mappings().one()
    assert sorted([PROJECT, DEAL, CONTRACT]) == row["refs"]
    assert not {"Plant analytics", "87000"} & {str(value) for value in row.values()}


async def test_every_event_is_kept(view: EventView) -> None:
    """Whatever its type: found by its subject, told by its type."""
    samples = [msgspec.json.decode(sample.read_bytes(), type=Event) for sample in SAMPLES]
    assert set(EVENTS) == {sample.type for sample in samples}
    for sample in samples:
        await view.keep(sample)
    for sample in samples:
        assert sample.type in {seen.type for seen in await view.of((sample.subject,))}


async def test_an_invoice_is_found_by_release_and_by_invoice(view: EventView) -> None:
    """Invoice-release knows the one id, billing the other; the posting names both."""
    for sample in SAMPLES:
        await view.keep(msgspec.json.decode(sample.read_bytes(), type=Event))
    posted = next(sample for sample in SAMPLES if sample.stem == "invoice-posted.v1")
    data = msgspec.json.decode(msgspec.json.decode(posted.read_bytes(), type=Event).data)
    seen = {one.type.split(".")[1] for one in await view.of((data["release_id"], data["invoice_id"]))}
    assert {"invoice-approved", "invoice-issued", "invoice-posted"} == seen
