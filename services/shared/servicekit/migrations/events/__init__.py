"""The history of the schema `events`: the event log."""
