"""The tables of a system API; every capability has the same ones, in a schema of its own."""
