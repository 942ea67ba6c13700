"""Matching at the identity system API. Contract: contracts/openapi/system/identity.v1.yaml."""

from canonical.delivery import Match, NewMatch
from servicekit.upstream import Upstream


class Identity:
    """Finds a worker's account again; creates none."""

    def __init__(self, api: Upstream) -> None:
        self._api = api

    async def match(self, connection: str, new: NewMatch) -> Match:
        params = {"connection": connection}
        return await self._api.call("POST", "/v1/account-matches", params=params, body=new, returns=Match)
