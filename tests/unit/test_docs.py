"""The documents tell of what is there: what they name exists, and what must be told is told."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml

from canonical.events import EVENTS
from process_apis.rules.reading import read_rules
from servicekit.failures import Kind

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(DOCS.rglob("*.md")),
)
DECISIONS = sorted(path for path in (DOCS / "decisions").glob("[0-9]*.md"))
LAST_SECTION = "A change violates this decision when it"
# Where a path in a document may start: at the top, or at a package, as imports name it.
ROOTS = (
    ROOT,
    *(ROOT / "services" / name for name in ("shared", "system-apis", "process-apis", "experience-api", "gateway")),
    ROOT / "deploy/local",
)
# Made by commands, or outside the repository: a document may name them though git does not hold them.
MADE = (".venv", ".syncline", "dist")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
each_decision = pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)


@each_document
def test_every_path_that_is_named_exists(document: Path) -> None:
    """A document that names a file which has gone leads its reader astray."""
    nobody(path for path in _paths(document) if not any((root / path).exists() for root in ROOTS))


@each_document
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    """A command in a document can be typed as it stands."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.findall(r"\bmake ([a-z-]+)\b", "\n".join((*_spans(document), *_blocks(document))))
    nobody(target for target in named if target not in targets)


@each_document
def test_every_relative_link_resolves(document: Path) -> None:
    """A link leads to a file, and its fragment to a heading in it."""
    nobody(link for link in _links(document) if not _resolves(document, link))


@each_document
def test_every_operation_that_is_named_is_in_a_contract(document: Path) -> None:
    """`GET /process/operations/v1/exceptions` in a document is what the edge, or the service itself, offers."""
    named = (span for span in _spans(document) if re.match(r"(GET|POST|PUT|PATCH|DELETE) \S+/v1/", span))
    nobody(operation for operation in named if operation not in _operations())


@each_document
def test_no_document_depends_on_a_machine(document: Path) -> None:
    """Everybody's clone lies elsewhere."""
    nobody(re.findall(r"(?:/home/|/root\b|/tmp/|/Users/|[A-Z]:\\)\S*", document.read_text("utf-8")))


def test_every_exception_is_explained_with_its_owner_and_its_time() -> None:
    """The people who see to exceptions read in their page what the rules say, no more and no less."""
    rules = read_rules().exceptions
    rows = [
        row
        for page in ("onboarding", "invoicing")
        for row in _table(DOCS / f"{page}.md", "Exceptions and their owners")
    ]
    told = {row[0]: (row[1], row[2], row[3]) for row in rows}
    assert len(rows) == len(told)
    assert {code: (rule.owner_team, rule.priority, str(rule.due_hours)) for code, rule in rules.items()} == told


def test_every_approval_rule_is_explained() -> None:
    """What makes a deal wait for a person is told with the role that is asked."""
    rules = tomllib.loads(_text("services/process-apis/process_apis/rules/approvals.toml"))["rule"]
    told = {row[0]: row[1] for row in _table(DOCS / "onboarding.md", "Approvals")}
    assert {rule["code"]: rule["required_role"] for rule in rules} == told


def test_every_event_is_listed_with_its_producer() -> None:
    """docs/events.md and the AsyncAPI document list the same events, each with the same one producer."""
    operations = yaml.safe_load(_text("contracts/asyncapi/events.v1.yaml"))["operations"]
    law = {
        f"syncline.{name.removeprefix('publish-')}.v1": operation["x-producer"]
        for name, operation in operations.items()
    }
    told = {row[0]: row[1] for row in _table(DOCS / "events.md", "The events")}
    assert law == told
    assert set(EVENTS) == set(told)


def test_every_kind_of_problem_is_listed() -> None:
    """docs/api-conventions.md tells every code with its status and whether trying again helps."""
    kinds = {kind.code: (str(kind.status), "yes" if kind.retryable else "no") for kind in Kind}
    told = {row[0]: (row[1], row[2]) for row in _table(DOCS / "api-conventions.md", "Errors")}
    assert kinds == told


@each_decision
def test_a_decision_ends_in_what_would_violate_it(decision: Path) -> None:
    """Context, decision, consequences, and last of all how to see that a change goes against it."""
    text = decision.read_text("utf-8")
    assert ["Context", "Decision", "Consequences", LAST_SECTION] == re.findall(r"^## (.+)$", text, re.MULTILINE)
    violations = text.partition(f"## {LAST_SECTION}\n")[2].strip().splitlines()
    assert violations
    assert [] == [line for line in violations if not line.startswith(("- ", "  "))]


def test_every_decision_is_in_the_index() -> None:
    """The index leads to each decision, under the title that the decision has."""
    told = dict(re.findall(r"^- \[(.+?)\]\((\d.+?\.md)\)", _text("docs/decisions/README.md"), re.MULTILINE))
    titles = {path.read_text("utf-8").splitlines()[0].removeprefix("# "): path.name for path in DECISIONS}
    assert titles == told


def test_every_document_can_be_found_from_the_index() -> None:
    """docs/README.md leads to every document beside it."""
    linked = {(DOCS / link).resolve() for link in _links(DOCS / "README.md")}
    nobody(path.name for path in DOCS.glob("*.md") if path.name != "README.md" and path.resolve() not in linked)


def nobody(wrong: Iterable[str]) -> None:
    """There is no place that breaks the rule; else all of them are told."""
    found = list(wrong)
    assert [] == found, "\n".join(["", *found])


def _text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def _blocks(document: Path) -> list[str]:
    """What stands in fences."""
    return re.findall(r"^```[^\n]*\n(.*?)^```", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def _prose(document: Path) -> str:
    return re.sub(r"^```[^\n]*\n.*?^```", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def _spans(document: Path) -> list[str]:
    """What stands between backticks in a line."""
    return re.findall(r"`([^`\n]+)`", _prose(document))


def _paths(document: Path) -> Iterator[str]:
    """The spans that look like a path of the repository. One with a placeholder in it stands for many."""
    tops = {path.name for root in ROOTS for path in root.iterdir()}
    for span in _spans(document):
        path = span.rstrip("/")
        if re.fullmatch(r"[A-Za-z0-9_.\-]+(/[A-Za-z0-9_.\-]+)+|[A-Za-z0-9_.\-]+\.(py|toml|md|lock|yaml)", path):
            top = path.partition("/")[0]
            if top in tops and top not in MADE and "__pycache__" not in path:
                yield path


def _links(document: Path) -> list[str]:
    found = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", _prose(document))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def _resolves(document: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists() or not fragment:
        return target.exists()
    headings = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
    return fragment in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _table(document: Path, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, their cells without backticks."""
    section = document.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|(.+)\|$", section, re.MULTILINE)
    return [[cell.strip().strip("`") for cell in row.split("|")] for row in rows[2:]]


@cache
def _operations() -> set[str]:
    """Every operation of every contract, as the service offers it and, where the edge does, as the edge does."""
    prefixes: Mapping[str, str] = {"experience": "/experience", "process": "/process/{api}"}
    found = set()
    for path in (ROOT / "contracts/openapi").glob("*/*.yaml"):
        at_edge = prefixes.get(path.parent.name, "").format(api=path.name.partition(".")[0])
        for route, methods in yaml.safe_load(path.read_text("utf-8"))["paths"].items():
            found |= {f"{method.upper()} {prefix}{route}" for method in methods for prefix in ("", at_edge)}
    return found
