"""Tasks and milestones are Kantata's stories; a milestone's amount is a billing milestone (page sections 5.2, 5.3)."""

from collections.abc import Sequence
from datetime import datetime

from canonical.delivery import Milestone, NewMilestone, NewTask, Task
from servicekit.failures import Failure, Kind
from system_apis.listing import Listing
from system_apis.psa.kantata.client.account import Account, half_done
from system_apis.psa.kantata.client.sweeping import Place, cursor_of, place_of, since
from system_apis.psa.kantata.mapping import (
    Acceptance,
    from_milestone_amount,
    from_new_milestone,
    from_new_task,
    in_cents,
    marker,
    to_milestone,
    to_task,
)
from system_apis.psa.kantata.records import BillingMilestoneRecord, Envelope

_TASK = "workspace"
_MILESTONE = "workspace,custom_field_values,story_state_changes"
_BILLED = "workspace,story"
# Stories of archived projects, and archived stories, are hidden unless asked for.
_CLOSED_TOO = {"show_from_archived_workspaces": "true"}
_ARCHIVED_TOO = {**_CLOSED_TOO, "show_archived": "true"}


class Plan(Account):
    """The plan part of the port."""

    async def tasks(self, project: str) -> tuple[Task, ...]:
        envelope = await self._api.all("stories", _TASK, workspace_id=project, order="created_at:asc", **_CLOSED_TOO)
        stories = (envelope.stories[row.id] for row in envelope.results)
        return tuple(to_task(story) for story in stories if story.story_type == "task")

    async def create_task(self, project: str, new: NewTask, key: str) -> Task:
        earlier = await self.created_task(project, new, key)
        if earlier is not None:
            return earlier
        attributes = {**from_new_task(new, project), "external_reference": marker("Task", key)}
        made = await self._api.create("stories", "story", attributes, _TASK)
        return to_task(made.stories[made.results[0].id])

    async def created_task(self, project: str, new: NewTask, key: str) -> Task | None:  # noqa: ARG002  the port's form
        found = await self._marked("stories", marker("Task", key), _TASK, workspace_id=project, **_ARCHIVED_TOO)
        return None if found is None else to_task(found[0].stories[found[1]])

    async def milestones(self, project: str) -> tuple[Milestone, ...]:
        envelope = await self._api.all(
            "stories", _MILESTONE, workspace_id=project, order="created_at:asc", **_CLOSED_TOO
        )
        return await self._to_milestones(envelope, [row.id for row in envelope.results])

    async def changed_milestones(
        self, updated_after: datetime | None, cursor: str | None, limit: int
    ) -> Listing[Milestone]:
        """What the tasks say, and then the tasks of what their custom fields say: a field does not touch its task."""
        place = place_of(cursor)
        changed = {} if updated_after is None else {"updated_after": since(updated_after)}
        if place.group is not None:
            return await self._accepted(changed, place.group, limit)
        filters = {**changed, **place.window(), **_CLOSED_TOO}
        envelope = await self._api.window(
            "stories", _MILESTONE, place.read, place.size(limit), story_type="milestone", **filters
        )
        rows = [(row.id, envelope.stories[row.id].created_at) for row in envelope.results]
        ids, after = place.taken(rows, limit, envelope.meta.count)
        if after is None and updated_after is not None and self._settings.acceptance_field_id:
            after = Place(group=0)
        return Listing(items=await self._to_milestones(envelope, ids), cursor=cursor_of(after))

    async def _accepted(self, changed: dict[str, str], done: int, limit: int) -> Listing[Milestone]:
        values = await self._api.window("custom_field_values", "", done, limit, subject_type="Story", **changed)
        end = done + len(values.results)
        following = Place(group=end) if values.results and end < values.meta.count else None
        acceptance = await self._acceptance()
        stories = {
            str(value.subject_id)
            for value in values.custom_field_values.values()
            if value.custom_field_name in {acceptance.day_field, acceptance.person_field}
        }
        if not stories:
            return Listing(items=(), cursor=cursor_of(following))
        envelope = await self._api.all("stories", _MILESTONE, only=",".join(sorted(stories)), **_CLOSED_TOO)
        ids = [row.id for row in envelope.results]
        return Listing(items=await self._to_milestones(envelope, ids), cursor=cursor_of(following))

    async def create_milestone(self, project: str, new: NewMilestone, key: str) -> Milestone:
        """Two records, each found again by the key: the milestone of the plan, then its amount."""
        earlier = await self.created_milestone(project, new, key)
        if earlier is not None:
            return earlier
        workspace = await self._api.one("workspaces", project, "", include_archived="true")
        in_cents(new.amount, workspace.workspaces[project])  # refused before anything is made
        attributes = {**from_new_milestone(new, project), "external_reference": marker("Milestone", key)}
        made = await self._api.create("stories", "story", attributes, _MILESTONE)
        with half_done():
            return await self._with_amount(made, made.results[0].id, new, key)

    async def created_milestone(self, project: str, new: NewMilestone, key: str) -> Milestone | None:
        """An amount that is still missing is added: it is part of the same write."""
        found = await self._marked(
            "stories", marker("Milestone", key), _MILESTONE, workspace_id=project, **_ARCHIVED_TOO
        )
        return None if found is None else await self._with_amount(*found, new, key)

    async def _with_amount(self, envelope: Envelope, story_id: str, new: NewMilestone, key: str) -> Milestone:
        """Raises CONFLICT when the amount that is there is another one."""
        workspace = next(iter(envelope.workspaces.values()), None)
        if workspace is None:
            raise Failure(Kind.BAD_UPSTREAM, "the PSA left out what was asked for", vendor_detail="workspace absent")
        mark = marker("Milestone", key)
        found = await self._marked("billing_milestones", mark, _BILLED, workspace_id=workspace.id)
        if found is None:
            attributes = {**from_milestone_amount(new, workspace, story_id), "external_reference": mark}
            made = await self._api.create("billing_milestones", "billing_milestone", attributes, _BILLED)
            found = made, made.results[0].id
        billed = found[0].billing_milestones[found[1]]
        if billed.amount_in_cents != in_cents(new.amount, workspace):
            raise Failure(Kind.CONFLICT, "the PSA holds another amount for this milestone", code="amount_differs")
        return await self._to_milestone(envelope, story_id, billed)

    async def _to_milestones(self, envelope: Envelope, ids: Sequence[str]) -> tuple[Milestone, ...]:
        """The milestones among the stories, each with its amount."""
        found = [one for one in ids if envelope.stories[one].story_type == "milestone"]
        projects = sorted({str(envelope.stories[one].workspace_id) for one in found})
        by_story = await self._billed(projects) if projects else {}
        return tuple([await self._to_milestone(envelope, one, by_story.get(one)) for one in found])

    async def _billed(self, projects: Sequence[str]) -> dict[str, BillingMilestoneRecord]:
        billed = await self._api.all("billing_milestones", _BILLED, workspace_ids=",".join(projects))
        return {str(row.story_id): row for row in billed.billing_milestones.values() if row.story_id is not None}

    async def _acceptance(self) -> Acceptance:
        return Acceptance(
            day_field=await self._field_name(self._settings.acceptance_field_id),
            person_field=await self._field_name(self._settings.acceptor_field_id),
            time_zone=self._settings.time_zone,
        )

    async def _to_milestone(
        self, envelope: Envelope, story_id: str, billed: BillingMilestoneRecord | None
    ) -> Milestone:
        story = envelope.stories[story_id]
        workspace = envelope.workspaces.get(str(story.workspace_id))
        unit = 100 if workspace is None else workspace.currency_base_unit
        return to_milestone(envelope, story, billed, unit, await self._acceptance())
