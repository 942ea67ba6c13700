"""Golden samples: what was once written to the log is read for ever."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from apis import CONTRACTS
from event_contracts import short_name

from canonical.envelope import Event
from canonical.events import EVENTS

SAMPLES = sorted((CONTRACTS / "events" / "samples").glob("*.json"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_golden_sample_is_read_and_fits_its_schema(sample: Path) -> None:
    """Envelope and data decode into today's structs, and the data fits the schema in the contract."""
    event = msgspec.json.decode(sample.read_bytes(), type=Event)
    data = msgspec.json.decode(event.data, type=EVENTS[event.type])
    schema = json.loads((CONTRACTS / "events" / f"{short_name(event.type)}.v1.schema.json").read_text("utf-8"))
    assert [] == [
        error.message for error in jsonschema_rs.validator_for(schema).iter_errors(json.loads(bytes(event.data)))
    ]
    assert json.loads(bytes(event.data)) == json.loads(msgspec.json.encode(data))


def test_every_event_has_a_golden_sample() -> None:
    """An event without a sample could change without anybody noticing."""
    assert {f"{short_name(kind)}.v1" for kind in EVENTS} <= {sample.stem for sample in SAMPLES}
