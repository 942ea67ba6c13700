"""Reads of the CRM system API. Contract: contracts/openapi/system/crm.v1.yaml."""

from canonical.sales import Contract, Customer, Opportunity
from servicekit.upstream import Upstream, in_path


class Crm:
    """Every read is fresh."""

    def __init__(self, api: Upstream) -> None:
        self._api = api

    async def opportunity(self, opportunity_id: str) -> Opportunity:
        return await self._api.call("GET", f"/v1/opportunities/{in_path(opportunity_id)}", returns=Opportunity)

    async def customer(self, customer_id: str) -> Customer:
        return await self._api.call("GET", f"/v1/customers/{in_path(customer_id)}", returns=Customer)

    async def contract(self, contract_id: str) -> Contract:
        return await self._api.call("GET", f"/v1/contracts/{in_path(contract_id)}", returns=Contract)
