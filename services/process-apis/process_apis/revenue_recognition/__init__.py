"""revenue-recognition: what was earned is posted, minus what the ledger has already, so that a repeat posts nothing."""
