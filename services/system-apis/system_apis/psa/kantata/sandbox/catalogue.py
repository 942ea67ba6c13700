"""Every collection of the sandbox by its name in the API."""

from system_apis.psa.kantata.sandbox import accounting, entries, invoices, people, projects, rates, submissions

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
        projects.STORY_STATE_CHANGES,
        entries.TIME_ENTRIES,
        entries.EXPENSES,
        entries.EXPENSE_CATEGORIES,
        entries.LINE_ITEM_LOCKS,
        submissions.TIMESHEET_SUBMISSIONS,
        submissions.EXPENSE_REPORT_SUBMISSIONS,
        invoices.INVOICES,
        accounting.PROJECT_ACCOUNTING_RECORDS,
        rates.RATE_CARD_SETS,
        rates.RATE_CARD_SET_VERSIONS,
        rates.RATE_CARDS,
        rates.RATE_CARD_VERSIONS,
        rates.RATE_CARD_ROLES,
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
