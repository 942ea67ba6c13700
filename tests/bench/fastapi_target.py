"""The record as FastAPI would have it: a pydantic model that the route returns and the framework sends."""

import datetime as dt
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel


class ExternalId(BaseModel):
    """What a platform calls the record."""

    connection: str
    kind: str
    id: str
    legal_entity_code: str | None = None
    currency: str | None = None


class Money(BaseModel):
    """An amount in its currency."""

    amount: str
    currency: str


class Project(BaseModel):
    """The fields of `canonical.delivery.Project`."""

    id: str
    external_ids: tuple[ExternalId, ...]
    number: str
    name: str
    opportunity_id: str | None
    contract_id: str | None
    contract_number: str | None
    customer_id: str | None
    legal_entity_code: str | None
    currency: str
    status: str
    start_date: dt.date | None
    end_date: dt.date | None
    budget: Money | None
    updated_at: dt.datetime


def application(record: dict[str, Any]) -> FastAPI:
    """One route that returns the record, whatever id is asked for."""
    app = FastAPI()
    answer = Project.model_validate(record)

    @app.get("/v1/projects/{project_id}")
    async def project(project_id: str) -> Project:
        del project_id
        return answer

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    return app
