"""The gate of compatibility: within a major version nothing is removed, narrowed or newly required."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from apis import CONTRACTS
from comparing import breaks

RELEASED = sorted((CONTRACTS / "baseline").rglob("*.yaml"))


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: str(path.relative_to(CONTRACTS / "baseline")))
def test_a_caller_of_the_released_contract_still_gets_what_it_was_promised(released: Path) -> None:
    """Every contract that was released is kept by the one in force."""
    in_force = CONTRACTS / "openapi" / released.relative_to(CONTRACTS / "baseline")
    assert [] == list(breaks(_read(released), _read(in_force)))


def test_every_contract_has_a_baseline() -> None:
    """What is in force was released: a new API is added to the baseline when it is."""
    names = {str(path.relative_to(CONTRACTS / "baseline")) for path in RELEASED}
    assert {str(path.relative_to(CONTRACTS / "openapi")) for path in (CONTRACTS / "openapi").rglob("*.yaml")} == names


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document


def _onboarding() -> dict[str, Any]:
    return _read(CONTRACTS / "openapi" / "process" / "project-onboarding.v1.yaml")


def test_a_removed_field_is_a_break() -> None:
    """A caller may read every field that it was shown."""
    proposed = _onboarding()
    del proposed["components"]["schemas"]["Onboarding"]["properties"]["won_at"]
    assert any("won_at removed" in one for one in breaks(_onboarding(), proposed))


def test_a_narrowed_type_is_a_break() -> None:
    """A caller may send what it was allowed to send."""
    proposed = _onboarding()
    proposed["components"]["schemas"]["RetryRequest"]["properties"]["reason"]["maxLength"] = 10
    assert any("maxLength narrowed" in one for one in breaks(_onboarding(), proposed))


def test_a_new_required_field_is_a_break() -> None:
    """A caller that sends what was enough is still served."""
    proposed = _onboarding()
    proposed["components"]["schemas"]["RetryRequest"]["properties"]["ticket"] = {"type": "string"}
    proposed["components"]["schemas"]["RetryRequest"]["required"].append("ticket")
    assert any("ticket is newly required" in one for one in breaks(_onboarding(), proposed))


def test_a_missing_route_is_a_break() -> None:
    """A route that was promised is there."""
    proposed = _onboarding()
    del proposed["paths"]["/v1/onboardings/{onboarding_id}/retries"]
    assert ["POST /v1/onboardings/{onboarding_id}/retries: removed"] == list(breaks(_onboarding(), proposed))


def test_an_added_optional_field_is_no_break() -> None:
    """To add is allowed."""
    proposed = deepcopy(_onboarding())
    proposed["components"]["schemas"]["Onboarding"]["properties"]["colour"] = {"type": "string"}
    assert [] == list(breaks(_onboarding(), proposed))
