"""The six commands as a Temporal workflow, as its documentation has it; without the sandbox, which makes it faster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from workers import COMMANDS, Carry, Told, client, command

QUEUE = "bench"
PATIENCE = timedelta(seconds=30)


class Commands:
    """The activity, with the client that it sends by."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @activity.defn(name="command")
    async def command(self, key: str, number: int) -> dict[str, Any]:
        return await command(self._http, key, number)


@workflow.defn(name="six")
class Six:
    """Six activities in a row."""

    @workflow.run
    async def run(self, key: str) -> None:
        for number in range(COMMANDS):
            await workflow.execute_activity("command", args=[key, number], start_to_close_timeout=PATIENCE)


@asynccontextmanager
async def temporal(told: Told) -> AsyncIterator[Carry]:
    """A client and a worker of the development server."""
    server = await Client.connect(told.temporal)
    async with client(told) as http:
        runner = UnsandboxedWorkflowRunner()
        worker = Worker(
            server, task_queue=QUEUE, workflows=[Six], activities=[Commands(http).command], workflow_runner=runner
        )
        async with worker:

            async def carry(key: str) -> None:
                await server.execute_workflow("six", key, id=key, task_queue=QUEUE)

            yield carry
