"""Reading contract files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.contracts import Lifecycle, read_contracts, resolve
from servicekit.failures import Failure, Kind

CONTRACTS = Path(__file__).parents[2] / "edge" / "contracts"

SMALL = """
openapi: 3.1.0
info: {{title: Small, version: 1.0.0}}
x-layer: {layer}
{more}
paths: {{}}
"""


def written(folder: Path, name: str, *, layer: str = "process", more: str = "") -> Path:
    """A contract file with little in it."""
    path = folder / "process" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(SMALL.format(layer=layer, more=more))
    return folder


def test_contracts_come_by_layer_and_key() -> None:
    """The order does not depend on the file system."""
    keys = [contract.key for contract in read_contracts(CONTRACTS)]
    assert ["billing.v1", "invoice-release.v1", "project-onboarding.v1", "experience.v1"] == keys


def test_a_contract_knows_its_place_at_the_edge() -> None:
    """Process APIs have their name in the path, the experience API is one, system APIs have no place."""
    paths = {contract.key: contract.edge_path for contract in read_contracts(CONTRACTS)}
    assert {
        "billing.v1": "",
        "invoice-release.v1": "/process/invoice-release/v1",
        "project-onboarding.v1": "/process/project-onboarding/v1",
        "experience.v1": "/experience/v1",
    } == paths


def test_a_lifecycle_may_be_a_word_or_an_object() -> None:
    """Dates and moments are moments in UTC."""
    found = {contract.key: contract.lifecycle for contract in read_contracts(CONTRACTS)}
    assert Lifecycle(state="preview") == found["experience.v1"]
    expected = Lifecycle(
        state="deprecated",
        deprecated_at=datetime(2026, 1, 31, tzinfo=UTC),
        sunset_at=datetime(2026, 12, 31, tzinfo=UTC),
        successor="invoice-release.v2",
    )
    assert expected == found["invoice-release.v1"]


def test_an_operation_inherits_and_refines() -> None:
    """Security and lifecycle come from the document unless the operation states its own."""
    contracts = {contract.key: contract for contract in read_contracts(CONTRACTS)}
    hook = next(operation for operation in contracts["billing.v1"].operations if operation.hook)
    assert ("POST", "/v1/hooks/{connection}", False) == (hook.method, hook.path, hook.secured)
    states = {operation.id: operation.lifecycle.state for operation in contracts["invoice-release.v1"].operations}
    assert {"listReleases": "deprecated", "oldPreview": "sunset"} == states
    streams = {operation.id: operation.streams for operation in contracts["experience.v1"].operations}
    assert {"getView": False, "watchChanges": True, "addNote": False} == streams


@pytest.mark.parametrize(
    ("name", "more", "fault"),
    [
        ("small.yaml", "", "its name is not <api>.v<major>.yaml"),
        ("small.v1.yaml", "x-lifecycle: forever", "x-lifecycle 'forever' is none of"),
        ("small.v1.yaml", "x-lifecycle: deprecated", "x-lifecycle is deprecated without deprecated_at"),
        (
            "small.v1.yaml",
            "x-lifecycle: {state: active, sunset_at: soon}",
            "x-lifecycle has 'soon', which is no moment",
        ),
        (
            "small.v1.yaml",
            "x-lifecycle: {state: deprecated, deprecated_at: 2026-02-01, sunset_at: 2026-01-01}",
            "x-lifecycle has sunset_at before deprecated_at",
        ),
    ],
)
def test_a_faulty_contract_is_named_with_its_fault(tmp_path: Path, name: str, more: str, fault: str) -> None:
    """The file and what is wrong with it."""
    with pytest.raises(Failure) as caught:
        read_contracts(written(tmp_path, name, more=more))
    assert Kind.MISCONFIGURED is caught.value.kind
    assert f"process/{name}: " in caught.value.detail
    assert fault in caught.value.detail


def test_every_faulty_contract_is_named_at_once(tmp_path: Path) -> None:
    """Nobody wants to find them one run at a time."""
    written(tmp_path, "one.yaml")
    written(tmp_path, "two.v1.yaml", layer="system")
    with pytest.raises(Failure) as caught:
        read_contracts(tmp_path)
    assert (
        "process/one.yaml: its name is not <api>.v<major>.yaml; process/two.v1.yaml: x-layer differs from its folder"
    ) == caught.value.detail


def test_our_words_may_stand_in_info_or_beside_it(tmp_path: Path) -> None:
    """A generated contract has them in `info`; both places mean the same."""
    folder = tmp_path / "process"
    folder.mkdir()
    words = "x-layer: process, x-owner: delivery, x-lifecycle: preview, x-slo: {availability: 99.9%}"
    (folder / "a.v1.yaml").write_text(f"{{openapi: 3.1.0, info: {{title: A, {words}}}, paths: {{}}}}")
    (folder / "b.v1.yaml").write_text(f"{{openapi: 3.1.0, info: {{title: A}}, {words}, paths: {{}}}}")
    inside, beside = read_contracts(tmp_path)
    for contract in (inside, beside):
        assert ("process", "delivery", "preview") == (contract.layer, contract.owner, contract.lifecycle.state)
        assert {"availability": "99.9%"} == contract.slo


@pytest.mark.parametrize("content", ["a: [", "- 1", "openapi: 2.0"])
def test_what_is_no_contract_is_refused(tmp_path: Path, content: str) -> None:
    """Text that is not YAML, or not OpenAPI 3."""
    (tmp_path / "process").mkdir()
    (tmp_path / "process" / "x.v1.yaml").write_text(content)
    with pytest.raises(Failure) as caught:
        read_contracts(tmp_path)
    assert Kind.MISCONFIGURED is caught.value.kind


def test_a_reference_is_followed_to_its_end() -> None:
    """Escapes of JSON Pointer are undone; a chain is followed."""
    document = {"a": {"b/c": {"$ref": "#/d"}}, "d": {"type": "string"}}
    assert {"type": "string"} == resolve(document, {"$ref": "#/a/b~1c"})


@pytest.mark.parametrize("reference", ["#/missing", "#/loop", "other.yaml#/a"])
def test_a_reference_that_leads_nowhere_is_a_fault(reference: str) -> None:
    """Missing targets, loops and other files."""
    with pytest.raises(Failure):
        resolve({"loop": {"$ref": "#/loop"}}, {"$ref": reference})
