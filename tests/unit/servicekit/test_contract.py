"""The contract document is exact, stable, complete in what may be answered, and kept by the service."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, TypeVar

import jsonschema_rs
import msgspec
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from litestar import get
from litestar.datastructures import ResponseHeader
from litestar.params import FromQuery
from schemathesis.config import SchemathesisConfig

from servicekit.app import Service
from servicekit.auth import requires
from servicekit.clock import SettableClock
from servicekit.contract import document, documented, to_yaml
from servicekit.contract_parts import RESPONSES
from servicekit.failures import Kind
from servicekit.limits import Limiter

T = TypeVar("T")
TOKEN = "t.things.read+t.things.write+actor.assert"


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A page of a listing."""

    items: tuple[T, ...]
    next: str | None = None


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """Something that costs."""

    amount: Decimal


@get(
    "/v1/fees",
    operation_id="listFees",
    guards=[requires("t.fees.read")],
    tags=["fees"],
    response_headers=[ResponseHeader(name="ETag", documentation_only=True)],
)
async def fees(since: FromQuery[str | None] = None) -> Page[Fee]:
    """Every fee."""
    return Page(items=())


@pytest.fixture
def contract(make_service: Callable[..., Service]) -> dict[str, Any]:
    """The example's contract."""
    return document(make_service())


def test_the_document_is_the_same_every_time(make_service: Callable[..., Service]) -> None:
    """Two services made alike have the same contract, to the byte."""
    assert to_yaml(document(make_service())) == to_yaml(document(make_service()))


def test_the_file_says_what_the_document_says(contract: dict[str, Any]) -> None:
    """YAML is only another form, without anchors."""
    written = to_yaml(contract)
    assert contract == yaml.safe_load(written)
    assert "&id" not in written


def test_what_is_true_of_the_api_is_in_info(contract: dict[str, Any]) -> None:
    """The seven extensions that governance asks for, and the contact."""
    assert {
        "title": "Things",
        "version": "1.2.0",
        "description": "Things, for tests.",
        "contact": {"name": "platform", "email": "platform@syncline.example"},
        "x-api-id": "things",
        "x-layer": "system",
        "x-owner": "platform",
        "x-audience": "component-internal",
        "x-lifecycle": "active",
        "x-slo": {"availability": "99.9%"},
        "x-data-classification": "internal",
    } == contract["info"]


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/v1/things/{thing_id}", "get", "200 400 401 403 404 410 429 500 503"),
        ("/v1/things", "post", "201 400 401 403 409 413 415 422 429 500 503"),
        ("/v1/things/{thing_id}", "put", "200 400 401 403 404 412 413 415 422 428 429 500 503"),
        ("/v1/things/{thing_id}", "delete", "204 400 401 403 404 429 500 503"),
    ],
)
def test_every_possible_status_is_documented(contract: dict[str, Any], path: str, method: str, statuses: str) -> None:
    """What middleware, body, headers, path and the route itself may answer, and nothing else."""
    assert statuses.split() == sorted(contract["paths"][path][method]["responses"])


def test_an_operation_names_its_scopes_and_its_words(contract: dict[str, Any]) -> None:
    """Security per operation; summary and description from the docstring."""
    operation = contract["paths"]["/v1/things/{thing_id}"]["get"]
    assert ("getThing", "One thing.", "It is always the same one.", [{"oauth2": ["t.things.read"]}]) == (
        operation["operationId"],
        operation["summary"],
        operation["description"],
        operation["security"],
    )
    flows = contract["components"]["securitySchemes"]["oauth2"]["flows"]
    assert {"t.things.read": "Read things of t.", "t.things.write": "Write things of t."} == flows["clientCredentials"][
        "scopes"
    ]


def test_parameters_are_described_as_they_are_sent(contract: dict[str, Any]) -> None:
    """Whole numbers stay whole, null is no value of a header, the shared headers are on every operation."""
    read, replaced = (contract["paths"]["/v1/things/{thing_id}"][method]["parameters"] for method in ("get", "put"))
    assert {
        "name": "limit",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    } == read[1]
    if_match = next(parameter for parameter in replaced if parameter.get("name") == "If-Match")
    assert ({"type": "string"}, False, '"xyzzy"') == (if_match["schema"], if_match["required"], if_match["example"])
    for parameters in (read, replaced):
        assert ["Actor", "CorrelationId", "Traceparent"] == [
            parameter["$ref"].rpartition("/")[2] for parameter in parameters if "$ref" in parameter
        ]


def test_types_are_described_as_they_are_read(contract: dict[str, Any]) -> None:
    """Inputs refuse unknown fields; a decimal is a text with a pattern; lengths and patterns are there."""
    schemas = contract["components"]["schemas"]
    assert {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"} == schemas["Money"][
        "properties"
    ]["amount"]
    assert False is schemas["NewThing"]["additionalProperties"]
    assert {"type": "string", "format": "date-time"} == schemas["Thing"]["properties"]["made_at"]
    assert sorted(schemas) == list(schemas)


def test_pages_tags_and_entity_tags_are_named(make_service: Callable[..., Service]) -> None:
    """Page[Fee] is FeePage; declared tags and ETag are there."""
    contract = document(make_service(routes=[fees]))
    operation = contract["paths"]["/v1/fees"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"$ref": "#/components/schemas/FeePage"} == schema
    assert [{"name": "fees"}] == contract["tags"]
    assert "ETag" in operation["responses"]["200"]["headers"]
    assert {"$ref": "#/components/schemas/Fee"} == contract["components"]["schemas"]["FeePage"]["properties"]["items"][
        "items"
    ]


def test_every_example_of_a_problem_is_valid(make_service: Callable[..., Service]) -> None:
    """The examples in all problem responses fit the schema of Problem."""
    everything = get(
        "/v1/all", operation_id="all", guards=[requires("a.b.read")], responses=documented(*Kind), name="all"
    )(_nothing)
    contract = document(make_service(routes=[everything]))
    responses = contract["components"]["responses"]
    assert sorted(shared.name for shared in RESPONSES.values()) == sorted(responses)
    schema = {"$ref": "#/components/schemas/Problem", "components": contract["components"]}
    for response in responses.values():
        jsonschema_rs.validate(schema, response["content"]["application/problem+json"]["example"])


async def _nothing() -> None:
    """Nothing."""


def test_health_and_the_contract_itself_are_not_in_it(contract: dict[str, Any]) -> None:
    """Only the API's own paths."""
    assert ["/v1/things", "/v1/things/{thing_id}"] == list(contract["paths"])


@pytest.fixture
def driven(make_service: Callable[..., Service], clock: SettableClock) -> Any:
    """The contract as schemathesis drives it, with the service behind it and without a limit in the way."""
    service = make_service(limiter=Limiter(1_000_000, clock=clock))
    # A precondition that fails is a right answer to a well-formed request.
    well_formed = {"expected-statuses": ["2xx", "401", "403", "404", "409", "412", "428", "5xx"]}
    # JSON Schema cannot say that no text has NUL; tests/security has it refused wherever a text may stand.
    config = SchemathesisConfig.from_dict(
        {"checks": {"positive_data_acceptance": well_formed}, "generation": {"allow-x00": False}}
    )
    schema = schemathesis.openapi.from_dict(document(service), config=config)
    schema.app = service
    return schema


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("operation_id", ["getThing", "createThing", "replaceThing", "deleteThing"])
def test_the_service_keeps_its_contract(driven: Any, operation_id: str, mode: schemathesis.GenerationMode) -> None:
    """Any request that schemathesis makes of the contract, right or wrong, gets an answer that it allows."""
    operation = driven.find_operation_by_id(operation_id)

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def drive(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})

    drive()
