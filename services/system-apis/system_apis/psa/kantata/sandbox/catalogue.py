"""Every collection of the sandbox by its name in the API."""

from system_apis.psa.kantata.sandbox import people, projects

KINDS = {
    kind.key: kind
    for kind in (
        projects.WORKSPACES,
        projects.STORIES,
        projects.BILLING_MILESTONES,
        projects.WORKSPACE_GROUPS,
        projects.WORKSPACE_RESOURCES,
        projects.WORKSPACE_ALLOCATIONS,
        projects.ASSIGNMENTS,
        projects.TIME_ENTRIES,
        people.PARTICIPATIONS,
        people.USERS,
        people.ACCOUNT_MEMBERSHIPS,
        people.ROLES,
        people.SKILLS,
        people.SKILL_MEMBERSHIPS,
        people.CUSTOM_FIELDS,
        people.CUSTOM_FIELD_VALUES,
        people.EXTERNAL_REFERENCES,
        people.SUBSCRIBED_EVENTS,
    )
}
