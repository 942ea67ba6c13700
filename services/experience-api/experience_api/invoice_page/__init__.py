"""One invoice's page: from the time entry and its approver to the line in the ledger, and what corrected it."""
