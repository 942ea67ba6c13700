"""The tie-out: a legal entity at the end of a period, each figure against the ledger's own accounts."""
