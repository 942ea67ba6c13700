"""Writes the table of hostile cases in docs/security.md anew. People read the difference like any other."""

from __future__ import annotations

import sys

from every_case import CASES, DOCUMENT, with_section


def main() -> int:
    """Rewrite the section between the markers."""
    text = DOCUMENT.read_text("utf-8")
    written = with_section(text)
    DOCUMENT.write_text(written, "utf-8")
    print(f"{len(CASES)} cases, {'unchanged' if written == text else 'changed'}")  # noqa: T201  a tool for people
    return 0


if __name__ == "__main__":
    sys.exit(main())
