"""What Syncline has posted to the ledger, as the processes that post and those that tie out share it."""
