"""Previews: a release as it would be now, asked for by contract."""

from datetime import date

from canonical.releases import Preview
from process_apis.invoice_release.drafts import Drafts
from process_apis.invoice_release.reading import Readings


class Previewing:
    """Reads what a release would read, and shows what it would bill."""

    def __init__(self, readings: Readings, drafts: Drafts) -> None:
        self._read = readings
        self._drafts = drafts

    async def preview(self, contract_id: str, cut_off: date, document_date: date | None) -> Preview:
        """Raises MISSING for an unknown contract, INVALID `not_bound`."""
        agreement = await self._read.read_agreement(contract_id)
        bound = await self._read.read_bindings(agreement.contract.legal_entity_code)
        return await self._drafts.preview(agreement, bound, cut_off, document_date)
