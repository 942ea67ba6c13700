"""A sandbox's state: kept over restarts, listed in the order of creation, counted from one."""

from pathlib import Path

import pytest

from sandboxkit.store import Store


@pytest.fixture
def store() -> Store:
    return Store(":memory:")


def test_a_record_is_read_as_it_was_put(store: Store) -> None:
    """Vendor records are kept in the vendor's own form, nested and with null."""
    body = {"Id": "006A", "Amount": 12.5, "Owner": {"Name": "Åsa"}, "ClosedAt": None, "Tags": ["a", "b"]}
    store.put("Opportunity", "006A", body)
    assert body == store.get("Opportunity", "006A")


def test_a_record_that_is_not_there_is_none(store: Store) -> None:
    """Nothing is made up: neither for an unknown id nor for a known id of another kind."""
    store.put("Opportunity", "1", {})
    assert None is store.get("Opportunity", "2")
    assert None is store.get("Account", "1")


def test_an_id_is_inserted_once_per_kind(store: Store) -> None:
    """A second insert is refused and changes nothing; another kind has ids of its own."""
    store.insert("Account", "1", {"n": 1})
    with pytest.raises(KeyError, match="1"):
        store.insert("Account", "1", {"n": 2})
    store.insert("Contact", "1", {"n": 3})
    assert ({"n": 1}, {"n": 3}) == (store.get("Account", "1"), store.get("Contact", "1"))


def test_records_are_listed_in_the_order_of_their_creation(store: Store) -> None:
    """A replaced record keeps its place; a deleted one that comes back is the newest."""
    for name in ("c", "a", "b"):
        store.put("Account", name, {"n": name})
    store.put("Account", "c", {"n": "c2"})
    assert ["c2", "a", "b"] == [record["n"] for record in store.all("Account")]
    store.delete("Account", "c")
    store.put("Account", "c", {"n": "c3"})
    assert ["a", "b", "c3"] == [record["n"] for record in store.all("Account")]


def test_a_listing_may_be_written_to_while_it_is_read(store: Store) -> None:
    """What is listed is what was there when the listing began."""
    store.put("Account", "1", {"n": 1})
    for record in store.all("Account"):
        store.put("Account", "2", {"n": record["n"] + 1})
    assert [1, 2] == [record["n"] for record in store.all("Account")]


def test_records_are_found_by_what_they_hold(store: Store) -> None:
    """Searching looks at one kind, in order."""
    for number in range(4):
        store.put("Account", str(number), {"n": number})
    store.put("Contact", "9", {"n": 2})
    assert [{"n": 2}, {"n": 3}] == store.find("Account", lambda record: record["n"] > 1)


def test_a_record_is_deleted_once(store: Store) -> None:
    """Deleting says whether there was something to delete."""
    store.put("Account", "1", {})
    assert [True, False] == [store.delete("Account", "1"), store.delete("Account", "1")]


def test_kinds_are_counted(store: Store) -> None:
    """How many records of each kind there are, by name; an empty kind is none."""
    for kind, name in (("b", "1"), ("a", "1"), ("a", "2"), ("c", "1")):
        store.put(kind, name, {})
    store.delete("c", "1")
    assert [("a", 2), ("b", 1)] == list(store.kinds().items())


def test_numbers_count_up_for_each_name(store: Store) -> None:
    """Each series begins with its own start, and the start is used once."""
    assert [1, 2, 3] == [store.next_number("order") for _ in range(3)]
    assert [1000, 1001] == [store.next_number("invoice", 1000) for _ in range(2)]
    assert 4 == store.next_number("order", 70)


def test_the_state_survives_the_process(tmp_path: Path) -> None:
    """Records, numbers and the journal are in the file: a vendor that is restarted has forgotten nothing."""
    first = Store(tmp_path / "vendor.sqlite")
    first.put("Account", "1", {"n": 1})
    first.next_number("order")
    first.note("2026-11-23T09:00:00+00:00", "POST", "/accounts", "{}")
    first.close()
    again = Store(tmp_path / "vendor.sqlite")
    assert ({"n": 1}, 2, 1) == (again.get("Account", "1"), again.next_number("order"), len(again.journal()))
    again.close()


def test_the_journal_tells_requests_and_what_became_of_them(store: Store) -> None:
    """Written before the request is handled: what never ended has no status."""
    first = store.note("t1", "POST", "/accounts", '{"n":1}')
    second = store.note("t2", "DELETE", "/accounts/1", "")
    store.note_outcome(second, 204, "latency")
    assert [
        {"n": first, "at": "t1", "method": "POST", "path": "/accounts", "body": '{"n":1}'}
        | {"status": None, "fault": None},
        {"n": second, "at": "t2", "method": "DELETE", "path": "/accounts/1", "body": ""}
        | {"status": 204, "fault": "latency"},
    ] == store.journal()


def test_clearing_leaves_nothing(store: Store) -> None:
    """Records, numbers and journal begin anew."""
    store.put("Account", "1", {})
    store.next_number("order")
    store.note("t", "POST", "/", "")
    store.clear()
    assert ({}, 1, []) == (store.kinds(), store.next_number("order"), store.journal())


def test_a_view_follows_every_change(store: Store) -> None:
    """What is put, inserted, amended, deleted or cleared shows at once, in the order of creation."""
    store.put("Account", "1", {"n": 1})
    seen = store.view("Account")
    store.insert("Account", "2", {"n": 2})
    store.put("Account", "1", {"n": 3})
    assert [{"n": 3}, {"n": 2}] == list(store.view("Account").values())
    store.delete("Account", "1")
    assert {"2": {"n": 2}} == dict(seen)
    store.clear()
    assert {} == dict(store.view("Account"))


def test_a_revision_tells_whether_a_kind_changed(store: Store) -> None:
    """It grows with changes of its own kind only; the whole grows with each."""
    store.put("Account", "1", {})
    before = store.revision("Account"), store.revision()
    store.put("Contact", "1", {})
    assert (before[0], before[1] + 1) == (store.revision("Account"), store.revision())
    store.delete("Account", "1")
    assert before[0] + 1 == store.revision("Account")
