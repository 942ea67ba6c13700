"""Business rules as data: who must approve what, and whose an exception is. The files hold what the code needs."""

import ast
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sold import CONTRACT

import process_apis
from canonical.money import Money
from canonical.sales import Contract
from process_apis.finding import flows, folder_of
from process_apis.rules.reading import ApprovalRule, ExceptionRule, read_rules
from servicekit.failures import Kind

RULES = read_rules()
LARGE, THIN, TERMS = (
    "the contract is worth 200,000 or more",
    "the planned margin is below 20 %",
    "the terms are not standard",
)
# Where a code may become an exception's; the rest of the package answers callers.
RAISING = (Path("running.py"), Path("operations/bindings.py"), *map(folder_of, flows()))
# Codes that are answers to callers only, though they stand in those folders.
ANSWERS = {"nothing_to_decide", "not_planned", "opportunity_not_found", "opportunity_not_won"} | {
    *("already_approved", "batch_is_over", "contract_not_found", "more_than_it_is_worth", "not_on_the_draft"),
}
# Codes that are reckoned where they are raised.
RECKONED = {"approval_rejected", "approval_expired", "cap_exceeded", "po_exhausted"}


def contract(value: str = "87000", **changes: Any) -> Contract:
    return replace(CONTRACT, total_value=Money.of(value, "EUR"), **changes)


@pytest.mark.parametrize(
    ("sold", "asked"),
    [
        (contract(), {}),
        (contract("199999.99"), {}),
        (contract("200000"), {"delivery-director": (LARGE,)}),
        (contract(planned_margin_percent=20), {}),
        (contract(planned_margin_percent=19), {"delivery-director": (THIN,)}),
        (contract(planned_margin_percent=0), {"delivery-director": (THIN,)}),
        (contract(planned_margin_percent=-5), {"delivery-director": (THIN,)}),
        (contract(planned_margin_percent=None), {}),
        (contract(non_standard_terms=True), {"legal-counsel": (TERMS,)}),
        (contract("250000", planned_margin_percent=10), {"delivery-director": (LARGE, THIN)}),
        (
            contract("250000", planned_margin_percent=10, non_standard_terms=True),
            {"delivery-director": (LARGE, THIN), "legal-counsel": (TERMS,)},
        ),
    ],
)
def test_the_matrix_asks_who_must_agree(sold: Contract, asked: dict[str, tuple[str, ...]]) -> None:
    """Each role once, with every reason; nobody for a deal that trips no rule."""
    assert asked == RULES.approvals.asked_by(sold)


def test_approvers_have_a_working_week_to_answer() -> None:
    """Forty hours, then they are reminded."""
    assert 40 == RULES.approvals.answer_within_hours


def test_a_rule_is_met_when_all_that_it_states_is_true() -> None:
    """Conditions of one rule are joined by "and"."""
    both = ApprovalRule(
        code="large_and_thin", required_role="board", text="", value_from=Decimal(1000), margin_below_percent=20
    )
    assert both.met_by(contract("1000", planned_margin_percent=10))
    assert not both.met_by(contract("999", planned_margin_percent=10))
    assert not both.met_by(contract("1000", planned_margin_percent=20))


def test_a_code_has_its_owner_and_its_fix() -> None:
    """Cost centres are finance's."""
    wanted = ExceptionRule(
        title="The cost centre does not exist for the entity",
        owner_team="finance-master-data",
        priority="high",
        due_hours=4,
        fix="Open the cost centre in the ERP, or retry with one that exists.",
    )
    assert wanted == RULES.exception("unknown_cost_centre")


def test_an_unforeseen_code_is_a_refusal() -> None:
    """A platform may say anything: it goes to whoever integrates."""
    assert RULES.exceptions["refused"] == RULES.exception("number_series_exhausted")
    assert "it-integration" == RULES.exception("step_broke").owner_team


def test_every_code_that_a_process_raises_has_a_rule() -> None:
    """Whoever adds an exception says whose it is; only a bug of ours has no rule of its own."""
    assert {"step_broke"} == _raised() - RULES.exceptions.keys()


def test_a_code_has_one_rule() -> None:
    """What several processes raise is told once, in process_apis/rules."""
    root = Path(process_apis.__path__[0])
    files = [root / "rules" / "exceptions.toml", *(folder_of(process) / "exceptions.toml" for process in flows())]
    told = [code for file in files if file.exists() for code in tomllib.loads(file.read_text("utf-8"))]
    assert sorted(RULES.exceptions) == sorted(told)


def test_every_rule_is_for_something() -> None:
    """A code that nobody raises: none of ours, and no kind of failure."""
    said = {"several_accounts", "recognised_without_amount", "project_dimension_not_set", "refused"}
    of_platforms = {kind.code for kind in Kind} | said
    assert set() == RULES.exceptions.keys() - _raised() - RECKONED - of_platforms


@pytest.mark.parametrize("code", sorted(RULES.exceptions))
def test_every_rule_can_be_worked_by(code: str) -> None:
    """A known priority, an end in sight, and whole sentences on what to do."""
    rule = RULES.exceptions[code]
    assert rule.priority in {"low", "normal", "high"}
    assert 1 <= rule.due_hours <= 40
    assert rule.fix.endswith(".")
    assert rule.title
    assert rule.owner_team


def test_a_rule_with_a_strange_field_is_refused() -> None:
    """A misspelt condition would make a rule that is always met."""
    wrong = {"code": "c", "required_role": "r", "text": "t", "value_form": 1}
    with pytest.raises(msgspec.ValidationError, match="value_form"):
        msgspec.convert(wrong, ApprovalRule)


def _raised() -> set[str]:
    """The codes in the source of what raises exceptions: of every `Failure`, and of validation's findings."""
    root = Path(process_apis.__path__[0])
    places = [root / place for place in RAISING]
    files = [file for place in places for file in (place.rglob("*.py") if place.is_dir() else (place,))]
    trees = [ast.parse(file.read_text("utf-8")) for file in files]
    return {code for tree in trees for code in _codes(tree)} - ANSWERS


def _codes(tree: ast.Module) -> Iterator[str]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        places = {"Failure": 2, "_finding": 0, "_unfit": 0, "_of": 0, "FieldError": 1, "Notice": 0}
        given = keywords.get("code")
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if given is None and name in places and len(call.args) > places[name]:
            given = call.args[places[name]]
        if name in places and isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield given.value
