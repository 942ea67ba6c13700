"""project-onboarding: from a won opportunity to a project that is open for time, everywhere, in the right order."""
