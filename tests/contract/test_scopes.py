"""What a process says of its scopes is what the contracts ask for."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from apis import CONTRACTS

from process_apis.finding import processes, scopes_of


def asked_by(layer: str, api: str = "*") -> set[str]:
    """Every scope that an operation of those contracts asks for."""
    files = (CONTRACTS / "openapi" / layer).glob(f"{api}.v1.yaml")
    paths = [path for file in files for path in yaml.safe_load(file.read_text("utf-8"))["paths"].values()]
    operations: list[Any] = [operation for path in paths for operation in path.values() if isinstance(operation, dict)]
    asked = [one for operation in operations for one in operation.get("security", ())]
    return {scope for requirement in asked for scopes in requirement.values() for scope in scopes}


@pytest.mark.parametrize("process", processes())
def test_a_process_offers_the_scopes_of_its_contract(process: str) -> None:
    """The firm's people are given what is offered: no less than the operations ask for, and no more."""
    assert asked_by("process", process) == set(scopes_of(process).offered)


@pytest.mark.parametrize("process", processes())
def test_a_process_needs_only_what_the_system_layer_has(process: str) -> None:
    """A misspelt scope would be refused at the first call."""
    assert set() == set(scopes_of(process).needed) - asked_by("system")
