"""Rate cards of a project (page section 5.6): sets have a card per currency, and versions that take effect on days."""

from canonical.entries import RateCard
from system_apis.psa.kantata.client.account import Account
from system_apis.psa.kantata.mapping import CardVersion, to_rate_cards
from system_apis.psa.kantata.records import Envelope, RateCardRecord, WorkspaceRecord

_NARROWEST_FIRST = ("project", "customer", "entity")


class Rates(Account):
    """The part of the port that is about agreed prices."""

    async def rate_cards(self, project: str) -> tuple[RateCard, ...]:
        """The project's own card, then the account's default one for its currency."""
        found = await self._api.one("workspaces", project, "workspace_groups", include_archived="true")
        workspace = found.workspaces[project]
        cards = await self._api.all("rate_cards", "rate_card_set", currencies=workspace.currency)
        sets = await self._api.all("rate_card_sets", "workspace_groups")
        chosen = [
            (scope, cards.rate_cards[row.id])
            for row in cards.results
            if (scope := _scope(workspace, cards.rate_cards[row.id], sets)) is not None
        ]
        if not chosen:
            return ()
        roles = {key: role.name for key, role in (await self._api.all("roles", "")).roles.items()}
        dated: list[RateCard] = []
        for scope, card in sorted(chosen, key=lambda pair: _NARROWEST_FIRST.index(pair[0])):
            dated += to_rate_cards(card, scope, workspace.currency_base_unit, await self._versions(card), roles)
        return tuple(dated)

    async def _versions(self, card: RateCardRecord) -> list[CardVersion]:
        found = await self._api.all("rate_card_versions", "rate_card_set_version", rate_card_id=card.id)
        versions = [found.rate_card_versions[row.id] for row in found.results]
        made: list[CardVersion] = []
        for version in versions:
            published = found.rate_card_set_versions.get(str(version.rate_card_set_version_id))
            if published is not None and published.active:
                rates = await self._api.all("rate_card_roles", "role", rate_card_version_id=version.id)
                rows = tuple(rates.rate_card_roles[row.id] for row in rates.results)
                made.append(CardVersion(record=version, published=published, rates=rows))
        return made


def _scope(workspace: WorkspaceRecord, card: RateCardRecord, sets: Envelope) -> str | None:
    """What the card is to the project: its own, its customer's, the account's, or nothing."""
    card_set = sets.rate_card_sets.get(str(card.rate_card_set_id))
    if card_set is not None and card_set.account_default:
        return "entity"
    if card.id != str(workspace.rate_card_id):
        return None
    clients = {str(one) for one in workspace.workspace_group_ids}
    shared = card_set is not None and bool(clients & {str(one) for one in card_set.workspace_group_ids})
    return "customer" if shared else "project"
