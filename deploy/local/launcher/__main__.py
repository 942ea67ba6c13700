"""`python -m launcher run | test | check | ...`: what the targets of the Makefile call."""

import argparse
import asyncio
import sys
from pathlib import Path

from launcher import clean, gates, run, tools
from launcher.problem import LaunchError, from_system

PASSING_ON = frozenset({"test", *tools.TOOLS})
CLONE = Path(__file__).resolve().parents[3]


def main(arguments: list[str]) -> int:
    """Returns the exit code; a problem is told in one sentence."""
    asked, passed_on = read(arguments)
    try:
        return clean.clean(CLONE) if asked.command == "clean" else asyncio.run(_work(asked, passed_on))
    except LaunchError as error:
        print(error.told(), file=sys.stderr)
    except OSError as error:
        print(from_system(error).told(), file=sys.stderr)
    except KeyboardInterrupt:
        return run.INTERRUPTED
    return 1


def read(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """What is asked, and what is said to the program that it is asked of: argparse would take its options for ours."""
    passed_on = arguments[1:] if arguments[:1] and arguments[0] in PASSING_ON else []
    return _parser().parse_args(arguments[: len(arguments) - len(passed_on)]), passed_on


async def _work(asked: argparse.Namespace, passed_on: list[str]) -> int:
    if asked.command == "run":
        return await run.run(CLONE, once=asked.once, keep=asked.keep)
    if asked.command == "check":
        return await gates.check(CLONE)
    if asked.command == "test":
        return await gates.suite(CLONE, asked.command, passed_on)
    return await tools.run(CLONE, asked.command, passed_on)


def _parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="launcher", description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="start everything and play the day")
    running.add_argument("--once", action="store_true", help="end after the day; the exit code says whether all held")
    running.add_argument("--keep", action="store_true", help="go on with the data of the last run")
    commands.add_parser("test", help="run the tests; all that follows is for pytest")
    commands.add_parser("check", help="format, lint, types, layers, contracts, known vulnerabilities")
    commands.add_parser("clean", help="remove the data of this copy")
    for name in tools.TOOLS:
        commands.add_parser(name, help=f"run the tests' program of `make {name}`; all that follows is for it")
    return whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
