"""The gate of equality: the code's finished document equals the contract file, both ways."""

from __future__ import annotations

import json

import pytest
import yaml
from apis import CONTRACTS, Api, every_api
from comparing import differences
from event_contracts import PRODUCERS, asyncapi, schema_of, short_name

from canonical.events import EVENTS
from servicekit.contract import document

APIS = {f"{api.layer}/{api.name}": api for api in every_api()}


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_the_code_keeps_its_contract_to_the_letter(api: Api) -> None:
    """What the file says and what the service does are the same document."""
    law = yaml.safe_load(api.file.read_text("utf-8"))
    code = yaml.safe_load(json.dumps(document(api.app)))
    assert [] == list(differences(law, code))[:20]


def test_every_contract_file_has_its_api() -> None:
    """No file is left behind when an API goes."""
    files = {str(path.relative_to(CONTRACTS / "openapi")) for path in (CONTRACTS / "openapi").rglob("*.yaml")}
    assert {str(api.file.relative_to(CONTRACTS / "openapi")) for api in APIS.values()} == files


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_events_schema_is_its_struct(event_type: str) -> None:
    """The JSON Schema in the file is the one of the struct that is written and read."""
    path = CONTRACTS / "events" / f"{short_name(event_type)}.v1.schema.json"
    assert [] == list(differences(json.loads(path.read_text("utf-8")), schema_of(event_type)))[:20]


def test_the_asyncapi_document_names_every_event_and_one_producer_of_each() -> None:
    """The document in the file is the one that the code would write."""
    law = yaml.safe_load((CONTRACTS / "asyncapi" / "events.v1.yaml").read_text("utf-8"))
    assert [] == list(differences(law, json.loads(json.dumps(asyncapi()))))[:20]
    assert {short_name(kind) for kind in EVENTS} == set(PRODUCERS)
