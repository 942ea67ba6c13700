"""Writes the contract files anew from the code: `make contracts`. People review the difference before it is law."""

from __future__ import annotations

import json
import sys

from apis import CONTRACTS, every_api
from event_contracts import asyncapi, schema_of, short_name

from canonical.events import EVENTS
from servicekit.contract import document, to_yaml


def main() -> int:
    """Rewrite every file; the last line counts them."""
    written = [(api.file, to_yaml(document(api.app))) for api in every_api()]
    written += [
        (CONTRACTS / "events" / f"{short_name(kind)}.v1.schema.json", json.dumps(schema_of(kind), indent=2) + "\n")
        for kind in EVENTS
    ]
    written.append((CONTRACTS / "asyncapi" / "events.v1.yaml", to_yaml(asyncapi())))
    changed = [path for path, text in written if not path.exists() or path.read_text("utf-8") != text]
    for path, text in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in changed:
        print(f"changed: {path.relative_to(CONTRACTS.parent)}")  # noqa: T201  a tool for people
    print(f"{len(written)} contract files written, {len(changed)} of them changed")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
