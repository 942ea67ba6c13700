"""Reads the rule files once, when a service starts."""

import tomllib
from decimal import Decimal
from importlib.resources import files
from typing import Any, Literal

import msgspec

from canonical.rounding import TaxRounding
from canonical.sales import Contract
from process_apis.finding import flows, folder_of


class ExceptionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of an exception by its code. `due_hours` are hours after it was raised."""

    title: str
    owner_team: str
    priority: str
    due_hours: int
    fix: str


class ApprovalRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One condition of the approval matrix; it is met when all that it states is true of the contract."""

    code: str
    required_role: str
    text: str
    value_from: Decimal | None = None
    margin_below_percent: int | None = None
    non_standard_terms: bool | None = None

    def met_by(self, contract: Contract) -> bool:
        if self.value_from is not None and contract.total_value.value < self.value_from:
            return False
        margin = contract.planned_margin_percent
        if self.margin_below_percent is not None and (margin is None or margin >= self.margin_below_percent):
            return False
        return self.non_standard_terms is None or contract.non_standard_terms == self.non_standard_terms


class ApprovalMatrix(msgspec.Struct, frozen=True, kw_only=True):
    """The whole matrix; `answer_within_hours` is how long an approver has."""

    rules: tuple[ApprovalRule, ...]
    answer_within_hours: int

    def asked_by(self, contract: Contract) -> dict[str, tuple[str, ...]]:
        """The roles that must agree, each with the reasons; empty when nobody must."""
        found: dict[str, tuple[str, ...]] = {}
        for rule in self.rules:
            if rule.met_by(contract):
                found[rule.required_role] = (*found.get(rule.required_role, ()), rule.text)
        return found


class InvoiceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who agrees to an invoice: all that are billed by one of `methods`, or every one. `bars`: own work is barred."""

    code: str
    required_role: str
    text: str
    bars: bool
    methods: tuple[str, ...] = ()


class InvoicingRules(msgspec.Struct, frozen=True, kw_only=True):
    """How invoices are made. `answer_within_hours` is how long an approver has."""

    tax_rounding: TaxRounding
    rate_drift_tolerance_percent: Decimal
    most_lines: int
    payment_terms_days: dict[str, int]
    notes: dict[str, str]
    rules: tuple[InvoiceRule, ...]
    answer_within_hours: int

    def asked_by(self, methods: set[str]) -> tuple[InvoiceRule, ...]:
        """The rules that an invoice of these methods falls under."""
        return tuple(rule for rule in self.rules if not rule.methods or methods & set(rule.methods))


class RevenueRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How revenue is measured, by billing method, and who calculates it, by legal entity."""

    measures: dict[str, str]
    calculated_by: dict[str, Literal["journal", "psa", "erp"]]

    def calculator(self, legal_entity_code: str) -> str:
        """`journal`, `erp` or `psa`."""
        return self.calculated_by.get(legal_entity_code, self.calculated_by["default"])


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All rules of the process layer."""

    exceptions: dict[str, ExceptionRule]
    approvals: ApprovalMatrix
    invoicing: InvoicingRules
    revenue: RevenueRules

    def exception(self, code: str) -> ExceptionRule:
        """The rule for a code; an unforeseen one is treated as a platform's refusal."""
        return self.exceptions.get(code) or self.exceptions["refused"]


def read_rules() -> Rules:
    """Raises msgspec.ValidationError for a rule file that is wrong."""
    matrix = _read("approvals.toml")
    return Rules(
        exceptions=_exceptions(),
        approvals=ApprovalMatrix(
            rules=msgspec.convert(matrix["rule"], tuple[ApprovalRule, ...], strict=False),
            answer_within_hours=matrix["settings"]["answer_within_hours"],
        ),
        invoicing=_invoicing(),
        revenue=msgspec.convert(_read("revenue.toml"), RevenueRules),
    )


def _exceptions() -> dict[str, ExceptionRule]:
    """Those of several processes, and each process's own."""
    said = _read("exceptions.toml")
    for process in flows():
        own = folder_of(process) / "exceptions.toml"
        said |= tomllib.loads(own.read_text("utf-8")) if own.exists() else {}
    return msgspec.convert(said, dict[str, ExceptionRule])


def _invoicing() -> InvoicingRules:
    said = _read("invoicing.toml")
    rules, settings = said.pop("rule"), said.pop("settings")
    return msgspec.convert({**said, **settings, "rules": rules}, InvoicingRules, strict=False)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("process_apis.rules").joinpath(name).read_text("utf-8"))
