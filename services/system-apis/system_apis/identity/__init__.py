"""The identity system API: accounts at the identity provider."""
