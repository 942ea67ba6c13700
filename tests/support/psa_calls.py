"""Calls of the PSA system API as its clients make them."""

from typing import Any

import httpx

PROJECT = {
    "number": "P-100",
    "name": "Grid data platform",
    "opportunity_id": f"opp_{1:032x}",
    "contract_id": f"ctr_{2:032x}",
    "contract_number": "D01",
    "customer_id": f"cus_{3:032x}",
    "customer_name": "Alpenstrom AG",
    "legal_entity_code": "DE01",
    "currency": "EUR",
    "start_date": "2026-12-01",
    "end_date": "2027-03-31",
    "budget": {"amount": "174000.00", "currency": "EUR"},
}
REQUEST = {
    "role": "Engineer",
    "skills": ["python"],
    "hours": 600,
    "start_date": "2026-12-01",
    "end_date": "2027-03-31",
}
HERE = {"connection": "psa-main"}


async def made(api: httpx.AsyncClient, path: str, body: dict[str, Any], key: str, **params: str) -> dict[str, Any]:
    answer = await api.post(path, json=body, params=params, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found
