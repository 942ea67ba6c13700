"""Migrates before a service starts, in a child of its own: the tools for it would stay in the service's memory."""

from __future__ import annotations

import importlib
import multiprocessing


def migrate_apart(url: str, schema: str, script_location: str) -> None:
    """`servicekit.migrate.migrate`, for a program that has one thread yet. Raises RuntimeError if it fails.

    The child says what went wrong where the service's log goes.
    """
    child = multiprocessing.get_context("fork").Process(target=_migrate, args=(url, schema, script_location))
    child.start()
    child.join()
    if child.exitcode != 0:
        raise RuntimeError(f"the schema {schema} could not be brought up to date")


def _migrate(url: str, schema: str, script_location: str) -> None:
    importlib.import_module("servicekit.migrate").migrate(url, schema, script_location)
