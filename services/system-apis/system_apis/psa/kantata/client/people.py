"""People are Kantata's users (page section 5.5). None is ever created here."""

from canonical.delivery import Resource
from system_apis.listing import Listing
from system_apis.psa.kantata.api import reference
from system_apis.psa.kantata.client.account import Account
from system_apis.psa.kantata.mapping import to_resource
from system_apis.psa.kantata.records import Envelope, UserRecord

# Without it only who takes part in some project is listed.
_EVERYONE = {"on_my_account": "true"}


class People(Account):
    """The people part of the port."""

    async def resources(self, cursor: str | None, limit: int) -> Listing[Resource]:
        """By name, the only order Kantata knows here; the cursor counts the records before the page."""
        offset = int(cursor or 0)
        envelope = await self._api.window("users", "", offset, limit, order="alphabetical:asc", **_EVERYONE)
        items = tuple(to_resource(envelope.users[row.id]) for row in envelope.results)
        end = offset + len(items)
        return Listing(items=items, cursor=str(end) if items and end < envelope.meta.count else None)

    async def resource(self, native_id: str) -> Resource:
        envelope = await self._api.one("users", native_id, "")
        return to_resource(envelope.users[native_id])

    async def resources_of(self, worker_number: str, email: str | None) -> tuple[tuple[Resource, str], ...]:
        """By the number in the user's external reference first; by e-mail only when nobody carries the number."""
        service, model = self._settings.worker_service_name, self._settings.worker_service_model
        numbered = await self._api.referenced("users", reference(service, model, worker_number), "", **_EVERYONE)
        if numbered.results:
            return tuple((to_resource(numbered.users[row.id]), "worker_number") for row in numbered.results)
        if email is None or "," in email:  # the list of addresses is comma-separated
            return ()
        # Kantata compares addresses letter by letter.
        spellings = ",".join(sorted({email, email.casefold()}))
        found = await self._api.all("users", "external_references", by_email_addresses=spellings, **_EVERYONE)
        users = (found.users[row.id] for row in found.results)
        return tuple(
            (to_resource(user), "other_worker" if self._is_numbered(found, user) else "email") for user in users
        )

    def _is_numbered(self, envelope: Envelope, user: UserRecord) -> bool:
        """Whether the user carries a worker number: then it is another worker's."""
        service = self._settings.worker_service_name
        return any(row.service_name == service for row in envelope.referenced(user))
