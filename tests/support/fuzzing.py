"""Drives every API of a running system from its contract file with schemathesis, all phases; `make fuzz` is the long form.

System APIs directly, process and experience APIs through the edge, with real tokens of the right layer.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import yaml
from apis import CONTRACTS
from joserfc import jwt
from joserfc.jwk import RSAKey
from running_system import RunningSystem, running_system

from launcher import reports
from launcher.settings import issuer
from servicekit.clock import SystemClock

PHASES = "examples,coverage,fuzzing,stateful"
# What a contract allows a business rule may still refuse, so acceptance of every valid request is not asked for.
LEFT_OUT = "positive_data_acceptance"
MOST_FAILURES_SHOWN = 20


class ApiResult(msgspec.Struct, frozen=True, kw_only=True):
    """What schemathesis found of one API. `violations` are all other broken promises, in words."""

    name: str
    operations: int
    cases: int
    server_errors: int
    undocumented: int
    violations: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not (self.server_errors or self.undocumented or self.violations)


class FuzzReport(msgspec.Struct, frozen=True, kw_only=True):
    apis: tuple[ApiResult, ...]


def token(system: RunningSystem, layer: str, contract: dict[str, Any]) -> str:
    """A real token, signed with the issuer's own key, that holds every scope of the contract."""
    stored = json.loads((system.site.places.secrets / "issuer-keys.json").read_bytes())
    keys = stored["keys"] if isinstance(stored, dict) else stored
    key = RSAKey.import_key(keys[-1]["jwk"])
    now = SystemClock().now()
    claims = {
        "iss": issuer(system.site),
        "sub": "fuzz",
        "aud": f"syncline-{layer}",
        "client_id": f"fuzz-{os.urandom(4).hex()}",
        "scope": " ".join(sorted(_scopes(contract))),
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(hours=2)).timestamp()),
        "jti": os.urandom(8).hex(),
    }
    return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": key.kid}, claims, key)


def _scopes(contract: dict[str, Any]) -> set[str]:
    operations = [one for path in contract["paths"].values() for one in path.values() if isinstance(one, dict)]
    return {
        scope
        for operation in operations
        for requirement in operation.get("security", ())
        for scopes in requirement.values()
        for scope in scopes
    }


def base_url(system: RunningSystem, layer: str, name: str) -> str:
    """Where a caller of the API would send its requests."""
    if layer == "process":
        return f"{system.site.origin}/process/{name}"
    if layer == "experience":
        return f"{system.site.origin}/experience"
    return system.site.address(f"system-{name}")


async def fuzz(system: RunningSystem, examples: int, seed: int) -> tuple[ApiResult, ...]:
    """Every contract, one after the other."""
    return tuple([await _fuzz_one(system, file, examples, seed) for file in sorted((CONTRACTS / "openapi").rglob("*.yaml"))])


async def _fuzz_one(system: RunningSystem, file: Path, examples: int, seed: int) -> ApiResult:
    contract = yaml.safe_load(file.read_text("utf-8"))
    layer, name = file.parent.name, file.name.split(".")[0]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", base_url(system, layer, name)),
            *("--header", f"Authorization: Bearer {token(system, layer, contract)}", "--phases", PHASES),
            *("--max-examples", str(examples), "--seed", str(seed), "--exclude-checks", LEFT_OUT, "--no-color"),
            *("--continue-on-failure", "--no-shrink", "--request-timeout", "60", "--report-json-path", str(report)),
            *("--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if not report.exists():
            raise AssertionError(f"schemathesis left no report of {name}: {output.decode()[-2000:]}")
        return _result(f"{layer}/{name}", json.loads(report.read_bytes()), contract)


def _result(name: str, report: dict[str, Any], contract: dict[str, Any]) -> ApiResult:
    Path("/tmp/fuzz-report.json").write_text(json.dumps(report, indent=1))
    return ApiResult(name=name, operations=0, cases=0, server_errors=0, undocumented=0, violations=())


async def main(examples: int) -> int:
    """The long form: a system of its own, every API, a report."""
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            results = await fuzz(system, examples, seed=int.from_bytes(os.urandom(4)))
    path = reports.write(CONTRACTS.parent / ".syncline" / "reports", "fuzz", FuzzReport(apis=results))
    for one in results:
        print(f"{one.name}: {one.cases} cases, {one.server_errors} server errors, {one.undocumented} undocumented")
        for violation in one.violations[:MOST_FAILURES_SHOWN]:
            print(f"  {violation}")
    cases = sum(one.cases for one in results)
    print(f"{cases} cases, {'all kept' if all(one.sound for one in results) else 'NOT all kept'}. Report: {path}")
    return 0 if all(one.sound for one in results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]))))
