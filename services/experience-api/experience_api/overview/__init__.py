"""The overview screen: what runs, what is stuck and whose it is, how long set-ups take."""
