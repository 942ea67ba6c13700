"""What every service of Syncline gets: settings, auth, problems, limits, contract, outbound HTTP, events."""
