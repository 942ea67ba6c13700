"""The ERP system API asked over HTTP: writes under a key, and collections on one page."""

from typing import Any

import httpx

HERE = {"connection": "erp-main"}
ACCOUNT = {
    "customer_id": f"cus_{1:032x}",
    "customer_number": "C2001",
    "legal_entity_code": "DE01",
    "currency": "EUR",
    "name": "Alpenstrom AG",
    "country": "DE",
    "payment_terms_code": "30 DAYS",
}


async def posted(api: httpx.AsyncClient, path: str, body: dict[str, Any], key: str, status: int) -> dict[str, Any]:
    answer = await api.post(path, json=body, params=HERE, headers={"Idempotency-Key": key})
    assert status == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def items(api: httpx.AsyncClient, path: str, **params: str) -> list[dict[str, Any]]:
    answer = await api.get(path, params=HERE | params)
    assert 200 == answer.status_code, answer.text
    assert answer.json()["next"] is None
    found: list[dict[str, Any]] = answer.json()["items"]
    return found
