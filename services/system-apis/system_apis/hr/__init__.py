"""The HR system API: workers, absence and cost rates."""
