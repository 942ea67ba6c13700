"""One project's page: each system's id and state, and every hop from the win to today."""
