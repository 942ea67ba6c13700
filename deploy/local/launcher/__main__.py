"""`python -m launcher run | test | check | ...`: what the targets of the Makefile call."""

import argparse
import asyncio
import sys
from pathlib import Path

from launcher import clean, gates, run, tools
from launcher.problem import LaunchError, from_system

CLONE = Path(__file__).resolve().parents[3]


def main(arguments: list[str]) -> int:
    """Returns the exit code; a problem is told in one sentence."""
    asked = _parser().parse_args(arguments)
    try:
        return clean.clean(CLONE) if asked.command == "clean" else asyncio.run(_work(asked))
    except LaunchError as error:
        print(error.told(), file=sys.stderr)
    except OSError as error:
        print(from_system(error).told(), file=sys.stderr)
    except KeyboardInterrupt:
        return run.INTERRUPTED
    return 1


async def _work(asked: argparse.Namespace) -> int:
    if asked.command == "run":
        return await run.run(CLONE, once=asked.once, keep=asked.keep)
    if asked.command == "check":
        return await gates.check(CLONE)
    if asked.command == "test":
        return await gates.suite(CLONE, asked.command, asked.pytest)
    return await tools.run(CLONE, asked.command, asked.arguments)


def _parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="launcher", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="start everything and play the day")
    running.add_argument("--once", action="store_true", help="end after the day; the exit code says whether all held")
    running.add_argument("--keep", action="store_true", help="go on with the data of the last run")
    testing = commands.add_parser("test", help="run the tests")
    testing.add_argument("pytest", nargs=argparse.REMAINDER, help="arguments for pytest")
    commands.add_parser("check", help="format, lint, types, layers, contracts, known vulnerabilities")
    commands.add_parser("clean", help="remove the data of this copy")
    for name in tools.TOOLS:
        tool = commands.add_parser(name, help=f"run the tests' program of `make {name}`")
        tool.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments for the program")
    return whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
