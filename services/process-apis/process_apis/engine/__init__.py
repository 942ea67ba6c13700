"""The workflow engine (DBOS on PostgreSQL) behind our own few words; nothing else imports it."""
