"""Invoices and revenue as the firm's finance people ask for them: by batch and approval, through the edge."""

from datetime import date
from typing import Any, TypeVar

import msgspec

from canonical.batches import Batch, BatchApprovalResults
from canonical.paging import Page
from canonical.recognition import ContractBalance, Recognition, RecognitionRun, TieOut
from canonical.rehearsals import ReleaseRehearsal, RevenueRehearsal
from canonical.releases import ApprovedValue, Release
from demo.syncline import Syncline

T = TypeVar("T")

INVOICING = "/process/invoice-release/v1"
REVENUE = "/process/revenue-recognition/v1"


class Invoicing:
    """The two money processes, as the fortnight's script calls them."""

    def __init__(self, syncline: Syncline) -> None:
        self._syncline = syncline

    async def start_batch(self, entity: str, cut_off: date, actor: str) -> Batch:
        body = {"legal_entity_code": entity, "cut_off": cut_off.isoformat()}
        return await self._asked(f"{INVOICING}/batches", Batch, actor, body)

    async def batch(self, batch_id: str) -> Batch:
        return await self._read(f"{INVOICING}/batches/{batch_id}", Batch)

    async def approve_batch(self, batch_id: str, reason: str, actor: str) -> dict[str, int]:
        """Agrees to all that is theirs to decide; how many approvals came to which result."""
        path = f"{INVOICING}/batches/{batch_id}/approvals"
        found = await self._asked(path, BatchApprovalResults, actor, {"reason": reason})
        results = [one.result for one in found.items]
        return {result: results.count(result) for result in sorted(set(results))}

    async def releases(self, **filters: str) -> tuple[Release, ...]:
        params = {**filters, "limit": 200}
        return (await self._read(f"{INVOICING}/releases", Page[Release], **params)).items

    async def release_of(self, contract_number: str, kind: str = "standard") -> Release:
        """The newest of its kind. Raises StopIteration where there is none."""
        return next(one for one in await self.releases() if (one.contract_number, one.kind) == (contract_number, kind))

    async def release(self, release_id: str) -> Release:
        """With its draft."""
        return await self._read(f"{INVOICING}/releases/{release_id}", Release)

    async def approve(self, release: Release, reason: str, actor: str) -> None:
        body = {"decision": "approve", "reason": reason}
        await self._asked(f"{INVOICING}/releases/{release.id}/approvals", Release, actor, body)

    async def retry(self, release: Release, reason: str, actor: str) -> None:
        await self._asked(f"{INVOICING}/releases/{release.id}/retries", Release, actor, {"reason": reason})

    async def discard(self, release: Release, reason: str, actor: str) -> None:
        await self._asked(f"{INVOICING}/releases/{release.id}/discards", Release, actor, {"reason": reason})

    async def rehearsals(self, entity: str, cut_off: date) -> tuple[ReleaseRehearsal, ...]:
        """What mode shadow would have billed, against what was posted."""
        params = {"legal_entity_code": entity, "cut_off": cut_off.isoformat()}
        return (await self._read(f"{INVOICING}/rehearsals", Page[ReleaseRehearsal], **params)).items

    async def revenue_rehearsals(self, entity: str, period_end: date) -> tuple[RevenueRehearsal, ...]:
        params = {"legal_entity_code": entity, "period_end": period_end.isoformat()}
        return (await self._read(f"{REVENUE}/rehearsals", Page[RevenueRehearsal], **params)).items

    async def credit_and_rebill(self, release: Release, reason: str, actor: str) -> None:
        body = {"reason": reason, "rebill": True}
        await self._asked(f"{INVOICING}/releases/{release.id}/credits", Release, actor, body)

    async def approved_values(self) -> tuple[ApprovedValue, ...]:
        return (await self._read(f"{INVOICING}/approved-values", Page[ApprovedValue])).items

    async def recognise(self, entity: str, period_end: date, actor: str) -> tuple[str, ...]:
        """Asks for the revenue of all the entity's contracts; returns the ids of the recognitions."""
        body = {"legal_entity_code": entity, "period_end": period_end.isoformat()}
        return (await self._asked(f"{REVENUE}/recognition-runs", RecognitionRun, actor, body)).recognition_ids

    async def recognitions(self) -> tuple[Recognition, ...]:
        return (await self._read(f"{REVENUE}/recognitions", Page[Recognition], limit=200)).items

    async def contract_balances(self, entity: str) -> tuple[ContractBalance, ...]:
        path = f"{REVENUE}/contract-balances"
        return (await self._read(path, Page[ContractBalance], legal_entity_code=entity)).items

    async def tie_out(self, entity: str, period_end: date) -> TieOut:
        return await self._read(f"{REVENUE}/tie-outs/{entity}", TieOut, period_end=period_end.isoformat())

    async def _read(self, path: str, returns: type[T], **params: Any) -> T:
        answer = await self._syncline.process("GET", path, params=params)
        return msgspec.json.decode(answer.content, type=returns)

    async def _asked(self, path: str, returns: type[T], actor: str, body: dict[str, Any]) -> T:
        answer = await self._syncline.process("POST", path, actor=actor, json=body)
        return msgspec.json.decode(answer.content, type=returns)
