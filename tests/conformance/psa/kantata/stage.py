"""Kantata on its stage: its people with their managers, tokens and roles, custom fields, rates and exchange rates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from psa.kantata.hands import KantataHands
from psa.stage import Stage
from serving import CONTROL, running_sandbox

from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis.psa import kantata
from system_apis.psa.kantata.sandbox import create_sandbox_app


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    tokens = {"ada's": "41", "ben's": "42", "eva's": "44"}
    config = {"access_token": "token", "user_tokens": tokens, "exchange_rates": {"USD:EUR": "0.92"}}
    async with running_sandbox(create_sandbox_app, config) as sandbox:
        _furnish(sandbox.store)
        settings = {
            "base_url": sandbox.base_url,
            "access_token": "token",
            "legal_entity_field_id": "9",
            "acceptance_field_id": "10",
            "acceptor_field_id": "11",
            "time_zone": "Europe/Berlin",
            "deletions_from_events": True,
        }
        connector = kantata.Connector.connect("psa-main", read(kantata.Settings, settings, {}), SystemClock())
        headers = CONTROL | {"Authorization": "Bearer token"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers) as control:

            async def enter_time(project: str) -> bool:
                entry = {"workspace_id": project, "date_performed": "2026-12-03", "time_in_minutes": 90}
                answer = await control.post("/api/v1/time_entries", json={"time_entry": entry})
                return answer.status_code == 200

            yield Stage("kantata", settings, connector, control, enter_time, KantataHands(control))
        await connector.close()


def _furnish(store: Store) -> None:
    def put(kind: str, record_id: str, **body: Any) -> None:
        stamp = {"created_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-01-01T00:00:00+00:00"}
        store.put(kind, record_id, {"id": record_id, **stamp, **body})

    put("users", "1", full_name="Integration", email_address="integration@x.example", disabled=False)
    ada = {"full_name": "Ada Brandt", "email_address": "ada.brandt@x.example", "manager_id": "44", "role_id": "5"}
    put("users", "41", **ada, disabled=False)
    put("users", "44", full_name="Eva Manager", email_address="eva.manager@x.example", disabled=False)
    put("users", "42", full_name="Ben Vogel", email_address="ben.vogel@x.example", disabled=False)
    put("users", "43", full_name="Clara Weiss", email_address="clara.weiss@x.example", disabled=True)
    reference = {"service_name": "hr", "service_model": "Worker", "service_model_ref": "W1", "status": "successful"}
    put("external_references", "1", subject_type="User", subject_id="41", last_synced_at=None, **reference)
    put("roles", "5", name="Engineer")
    put("roles", "6", name="Senior Engineer")
    put("roles", "7", name="Consultant")
    put("custom_fields", "9", name="Legal entity", subject_type="Workspace", value_type="string")
    put("custom_fields", "10", name="Accepted on", subject_type="Story", value_type="date")
    put("custom_fields", "11", name="Accepted by", subject_type="Story", value_type="string")
    put("expense_categories", "1", name="Travel")
    put("rate_card_sets", "1", title="Standard", account_default=True)
    put("rate_cards", "1", rate_card_set_id="1", currency="EUR")
    for version, day, engineer, others in (("1", "2026-01-01", 14550, None), ("2", "2026-12-15", 15000, 9900)):
        put("rate_card_set_versions", version, rate_card_set_id="1", effective_date=day, active=True)
        whole = {"rate_card_id": "1", "rate_card_set_version_id": version, "default_rate": others}
        put("rate_card_versions", version, **whole)
        put("rate_card_roles", version, rate_card_version_id=version, role_id="5", rate=engineer)
