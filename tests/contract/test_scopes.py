"""What a process says of its scopes is what the contracts ask for."""

from __future__ import annotations

import pytest
import yaml
from apis import CONTRACTS, scopes_of

from process_apis import finding
from process_apis.finding import processes


def asked_by(layer: str, api: str = "*") -> set[str]:
    """Every scope that an operation of those contracts asks for."""
    files = (CONTRACTS / "openapi" / layer).glob(f"{api}.v1.yaml")
    return {scope for file in files for scope in scopes_of(yaml.safe_load(file.read_text("utf-8")))}


@pytest.mark.parametrize("process", processes())
def test_a_process_offers_the_scopes_of_its_contract(process: str) -> None:
    """The firm's people are given what is offered: no less than the operations ask for, and no more."""
    assert asked_by("process", process) == set(finding.scopes_of(process).offered)


@pytest.mark.parametrize("process", processes())
def test_a_process_needs_only_what_the_system_layer_has(process: str) -> None:
    """A misspelt scope would be refused at the first call."""
    assert set() == set(finding.scopes_of(process).needed) - asked_by("system")
