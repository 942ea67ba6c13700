"""The tables of the process layer, shared by its services."""
