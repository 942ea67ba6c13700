"""What the engine stores: JSON, in which a failure stays a failure, and nothing that could run code."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from canonical.money import Money
from process_apis.engine.serializer import BrokenStepError, JsonSerializer, restored, stored
from servicekit.failures import Failure, FieldError, Kind

SERIALIZER = JsonSerializer()


def again(value: Any) -> Any:
    """The value as it is read back from the engine's tables."""
    return SERIALIZER.deserialize(SERIALIZER.serialize(value))


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "text", [1, "two", None], {"a": {"b": [1]}}, {}, []])
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    """Everything that JSON knows."""
    assert value == again(value)


def test_structs_become_objects() -> None:
    """A step's result is read back as plain data; whoever wants a struct converts it."""
    assert {"amount": "12.50", "currency": "EUR"} == again(Money.of("12.50", "EUR"))
    assert ["2026-11-23T09:00:00Z", "1.10"] == again((datetime(2026, 11, 23, 9, tzinfo=UTC), Decimal("1.10")))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_failure_comes_back_whole(kind: Kind) -> None:
    """Kind, text, code, findings, pause and the vendor's words: a run that is resumed decides as it would have."""
    error = FieldError(pointer="/contract/lines", code="contract_inconsistent", message="the lines add up to 1.00")
    told = again(Failure(kind, "what happened", "contract_inconsistent", (error,), 2.5, "ORA-00942"))
    assert isinstance(told, Failure)
    assert kind is told.kind
    assert ("what happened", "contract_inconsistent", (error,), 2.5, "ORA-00942") == (
        *(told.detail, told.code, told.errors),
        *(told.retry_after_s, told.vendor_detail),
    )


def test_kinds_with_one_status_stay_apart() -> None:
    """CONFLICT and BUSY are both 409; one heals, the other does not."""
    assert [False, True] == [again(Failure(kind, "")).kind.retryable for kind in (Kind.CONFLICT, Kind.BUSY)]


def test_a_failure_without_a_code_of_its_own_has_its_kinds() -> None:
    """The default survives the way there and back."""
    assert "unavailable" == again(Failure(Kind.UNAVAILABLE, "away")).code


def test_a_broken_step_tells_its_type_and_text() -> None:
    """A bug of ours is no Failure, and stays none."""
    told = again(KeyError("cost_centre"))
    assert isinstance(told, BrokenStepError)
    assert ("KeyError", "'cost_centre'", "KeyError: 'cost_centre'") == (told.kind, told.message, str(told))


def test_a_broken_step_is_stored_like_any_other_error() -> None:
    """Stored a second time it tells of itself; nothing is lost but the nesting."""
    told = again(again(ValueError("no")))
    assert ("BrokenStepError", "ValueError: no") == (told.kind, told.message)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [(Failure(Kind.UNAVAILABLE, "a", "psa_away"), "psa_away"), (ValueError("no"), "ValueError: no")],
)
def test_what_a_step_raised_is_raised_again(error: Exception, wanted: str) -> None:
    """The run that was not interrupted and the one that was taken up decide alike."""
    told = restored(stored(error).decode())
    assert wanted == (told.code if isinstance(told, Failure) else str(told))


def test_an_error_within_a_value_is_stored_where_it_stands() -> None:
    """The engine keeps errors in envelopes of its own."""
    stored = json.loads(SERIALIZER.serialize({"error": Failure(Kind.GONE, "gone")}))
    assert {"error": {"$failure": ["GONE", "gone", "gone", [], None, ""]}} == stored


def test_what_json_does_not_know_is_refused() -> None:
    """Better no step than one that comes back as something else."""
    with pytest.raises(NotImplementedError, match="object cannot be stored"):
        SERIALIZER.serialize(object())


def test_what_is_stored_is_json_and_says_so() -> None:
    """Never pickle: whoever can write the database could run code. The name tells old rows from new."""
    assert "syncline_json" == SERIALIZER.name()
    assert [1] == json.loads(SERIALIZER.serialize([1]))
    with pytest.raises(ValueError, match="malformed"):
        SERIALIZER.deserialize("gASVBAAAAAAAAABLAS4=")
