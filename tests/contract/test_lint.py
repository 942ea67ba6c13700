"""The lint of the contracts: the rules of the house that a machine can see (docs/api-conventions.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from apis import CONTRACTS

FILES = sorted((CONTRACTS / "openapi").rglob("*.yaml"))
REQUIRED = ("x-api-id", "x-layer", "x-owner", "x-audience", "x-lifecycle", "x-slo", "x-data-classification")
SEGMENT = re.compile(r"^(?:[a-z][a-z0-9-]*|\{[a-z][a-z0-9_]*\})$")
SNAKE = re.compile(r"^[a-z][a-z0-9_]*$")


DOCUMENTS = [
    pytest.param(yaml.safe_load(path.read_text("utf-8")), id=str(path.relative_to(CONTRACTS / "openapi")))
    for path in FILES
]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in {"get", "put", "post", "patch", "delete"}:
                yield f"{method.upper()} {path}", operation


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_api_says_who_it_is(document: dict[str, Any]) -> None:
    """Identity, layer, owner, audience, lifecycle, objectives and classification are stated."""
    assert [] == [name for name in REQUIRED if name not in document["info"]]
    assert "3.1.0" == document["openapi"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_are_kebab_case_and_versioned(document: dict[str, Any]) -> None:
    """The major version is in the path; segments are kebab-case, parameters snake_case."""
    wrong = [
        path
        for path in document["paths"]
        if not path.startswith("/v1/") or not all(SEGMENT.match(part) for part in path.split("/")[1:])
    ]
    assert [] == wrong


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_operation_is_named_summarised_and_secured(document: dict[str, Any]) -> None:
    """An operation has a stable id and a summary, and asks for a scope; a hook for the vendor's signature instead."""
    wrong = [
        where
        for where, operation in _operations(document)
        if not operation.get("summary")
        or not re.match(r"^[a-z][A-Za-z0-9]+$", operation.get("operationId", ""))
        or not (operation.get("security") or operation.get("x-hook"))
    ]
    assert [] == wrong


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_error_is_problem_json(document: dict[str, Any]) -> None:
    """Whatever goes wrong has one form (RFC 9457)."""
    wrong = [
        f"{where} {status}"
        for where, operation in _operations(document)
        for status, answer in operation["responses"].items()
        if status >= "400" and "application/problem+json" not in _resolved(answer, document).get("content", {})
    ]
    assert [] == wrong


@pytest.mark.parametrize("document", DOCUMENTS)
def test_properties_are_snake_case_and_collections_are_objects(document: dict[str, Any]) -> None:
    """JSON names are snake_case; the top level of an answer is never an array."""
    schemas = document["components"]["schemas"]
    names = [
        f"{schema}.{name}"
        for schema, body in schemas.items()
        for name in body.get("properties", {})
        if not SNAKE.match(name)
    ]
    assert [] == names
    arrays = [
        where
        for where, operation in _operations(document)
        for answer in operation["responses"].values()
        for media in _resolved(answer, document).get("content", {}).values()
        if media.get("schema", {}).get("type") == "array"
    ]
    assert [] == arrays


def _resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)
