"""Drives every API of a running system from its contract file with schemathesis; `make fuzz` is the long form.

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
# schemathesis asks for 405 with the method QUERY and no Content-Type, which Envoy refuses with 400 by a rule of its own
# before any route is chosen. tests/edge checks 405 for other methods, so the check is left out here.
LEFT_OUT_AT_EDGE = f"{LEFT_OUT},unsupported_method"
SERVER_ERRORS = frozenset({"ServerError"})
UNDOCUMENTED = frozenset({"UndefinedStatusCode", "UndefinedContentType"})
MOST_TOLD = 20_000


class ApiResult(msgspec.Struct, frozen=True, kw_only=True):
    """What schemathesis found of one API. `violations` are other broken promises; `told` is its own report."""

    name: str
    operations: int
    cases: int
    server_errors: int
    undocumented: int
    violations: tuple[str, ...]
    told: str = ""

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
    return tuple(
        [await _fuzz_one(system, file, examples, seed) for file in sorted((CONTRACTS / "openapi").rglob("*.yaml"))]
    )


async def _fuzz_one(system: RunningSystem, file: Path, examples: int, seed: int) -> ApiResult:
    contract = yaml.safe_load(await asyncio.to_thread(file.read_text, "utf-8"))
    layer, name = file.parent.name, file.name.split(".")[0]
    left_out = LEFT_OUT if layer == "system" else LEFT_OUT_AT_EDGE
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "run", str(file), "--url", base_url(system, layer, name)),
            *("--header", f"Authorization: Bearer {token(system, layer, contract)}", "--phases", PHASES),
            *("--max-examples", str(examples), "--seed", str(seed), "--exclude-checks", left_out, "--no-color"),
            *("--continue-on-failure", "--no-shrink", "--request-timeout", "60", "--report-json-path", str(report)),
            *("--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if not await asyncio.to_thread(report.exists):
            raise AssertionError(f"schemathesis left no report of {name}: {output.decode()[-2000:]}")
        return _result(f"{layer}/{name}", json.loads(report.read_bytes()), output.decode("utf-8", "replace"))


def _result(name: str, report: dict[str, Any], output: str) -> ApiResult:
    found = report["failures"]
    return ApiResult(
        name=name,
        operations=report["operations"]["tested"],
        cases=report["test_cases"]["generated"],
        server_errors=sum(one["count"] for one in found if one["type"] in SERVER_ERRORS),
        undocumented=sum(one["count"] for one in found if one["type"] in UNDOCUMENTED),
        violations=tuple(
            f"{one['title']}: {', '.join(one['operations'])}"
            for one in found
            if one["type"] not in SERVER_ERRORS | UNDOCUMENTED
        )
        + tuple(f"error: {one}" for one in report["errors"]),
        told=output[-MOST_TOLD:] if found or report["errors"] else "",
    )


async def main(examples: int) -> int:
    """The long form: a system of its own, every API, a report."""
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            results = await fuzz(system, examples, seed=int.from_bytes(os.urandom(4)))
    path = reports.write(CONTRACTS.parent / ".syncline" / "reports", "fuzz", FuzzReport(apis=results))
    for one in results:
        _say(f"{one.name}: {one.cases} cases, {one.server_errors} server errors, {one.undocumented} undocumented")
        if one.told:
            _say(one.told)
    cases = sum(one.cases for one in results)
    _say(f"{cases} cases, {'all kept' if all(one.sound for one in results) else 'NOT all kept'}. Report: {path}")
    return 0 if all(one.sound for one in results) else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]))))
