"""The rules of invoicing and revenue as they are shipped: what accountants may change, and what must be there."""

from decimal import Decimal
from typing import get_args

import msgspec
import pytest

from canonical.sales import BillingMethod, TaxTreatment
from process_apis.revenue_recognition.measuring import _MEASURES
from process_apis.rules.reading import RevenueRules, read_rules

RULES = read_rules()
METHODS = set(get_args(BillingMethod)[1].extra_json_schema["x-extensible-enum"])
TREATMENTS = set(get_args(TaxTreatment)[1].extra_json_schema["x-extensible-enum"])


def test_every_billing_method_has_a_measure_that_exists() -> None:
    """No contract is sold whose revenue nobody can measure."""
    assert RULES.revenue.measures.keys() == METHODS
    assert set() == set(RULES.revenue.measures.values()) - _MEASURES.keys()


def test_revenue_is_calculated_here_unless_an_entity_says_otherwise() -> None:
    """By entity, else by the default (B1)."""
    rules = RevenueRules(measures={}, calculated_by={"default": "journal", "US01": "erp"})
    assert ("journal", "erp") == (rules.calculator("DE01"), rules.calculator("US01"))
    assert "journal" == RULES.revenue.calculator("DE01")


def test_tax_is_rounded_by_document_and_no_drift_is_tolerated() -> None:
    """Until a firm's accountants say otherwise."""
    invoicing = RULES.invoicing
    assert ("document", Decimal(0), 100) == (
        invoicing.tax_rounding,
        invoicing.rate_drift_tolerance_percent,
        invoicing.most_lines,
    )
    assert set() == invoicing.notes.keys() - TREATMENTS


@pytest.mark.parametrize(
    ("methods", "codes"),
    [
        ({"time_and_materials"}, ["pre_bill_review", "invoice_approval"]),
        ({"prepaid_retainer"}, ["pre_bill_review", "invoice_approval"]),
        ({"fixed_fee"}, ["invoice_approval"]),
        ({"milestone", "capped_time_and_materials"}, ["pre_bill_review", "invoice_approval"]),
    ],
)
def test_work_by_the_hour_is_reviewed_before_it_is_approved(methods: set[str], codes: list[str]) -> None:
    """Every invoice is approved by a person; those of hours are seen by the project's owner first (B12)."""
    assert codes == [rule.code for rule in RULES.invoicing.asked_by(methods)]


def test_an_unknown_way_of_rounding_is_refused() -> None:
    """When the service starts, not on the first invoice."""
    said = msgspec.to_builtins(RULES.invoicing) | {"tax_rounding": "never"}
    with pytest.raises(msgspec.ValidationError, match="tax_rounding"):
        msgspec.convert(said, type(RULES.invoicing), strict=False)
