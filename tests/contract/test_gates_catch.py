"""The gates hold: a contract that was changed by hand, in each of five ways, is caught, and the message says where."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml
from apis import every_api
from comparing import breaks, differences

from servicekit.contract import document

API = next(api for api in every_api() if api.name == "project-onboarding")
LAW: dict[str, Any] = yaml.safe_load(API.file.read_text("utf-8"))
CODE: dict[str, Any] = yaml.safe_load(json.dumps(document(API.app)))
ONBOARDINGS, ONE = "/v1/onboardings", "/v1/onboardings/{onboarding_id}"


def _field_removed(contract: dict[str, Any]) -> None:
    del contract["components"]["schemas"]["Onboarding"]["properties"]["won_at"]


def _type_narrowed(contract: dict[str, Any]) -> None:
    contract["components"]["schemas"]["RetryRequest"]["properties"]["reason"]["maxLength"] = 20


def _undocumented_status(contract: dict[str, Any]) -> None:
    del contract["paths"][ONE]["get"]["responses"]["404"]


def _new_required_field(contract: dict[str, Any]) -> None:
    schema = contract["components"]["schemas"]["NewOnboarding"]
    schema["properties"]["cost_centre_code"] = {"type": "string"}
    schema["required"] = [*schema["required"], "cost_centre_code"]


def _route_missing(contract: dict[str, Any]) -> None:
    del contract["paths"][f"{ONE}/retries"]


# How the file is changed -> what the gate of equality says first, what the gate of compatibility says first.
CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "field removed": (
        _field_removed,
        "/components/schemas/Onboarding/properties/won_at: in the code, not in the contract",
        f"GET {ONBOARDINGS} 200.items[]: won_at removed",
    ),
    "type narrowed": (
        _type_narrowed,
        "/components/schemas/RetryRequest/properties/reason/maxLength: the contract says 20, the code 500",
        f"POST {ONE}/retries request.reason: maxLength narrowed from 500 to 20",
    ),
    "undocumented status": (
        _undocumented_status,
        f"/paths/{ONE}/get/responses/404: in the code, not in the contract",
        f"GET {ONE}: status 404 removed",
    ),
    "new required field": (
        _new_required_field,
        "/components/schemas/NewOnboarding/required: the contract has 2 entries, the code 1",
        f"POST {ONBOARDINGS} request: cost_centre_code is newly required",
    ),
    "route missing": (
        _route_missing,
        f"/paths/{ONE}/retries: in the code, not in the contract",
        f"POST {ONE}/retries: removed",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_contract_changed_by_hand_is_caught(change: str) -> None:
    """The gates of equality and of compatibility both name the place."""
    alter, unequal, broken = CHANGES[change]
    changed = deepcopy(LAW)
    alter(changed)
    assert unequal in list(differences(changed, CODE))
    assert broken in list(breaks(LAW, changed))


def test_the_contract_as_it_is_passes_both_gates() -> None:
    """What the gates catch is the change, not the contract."""
    assert [] == list(differences(LAW, CODE))
    assert [] == list(breaks(LAW, LAW))
