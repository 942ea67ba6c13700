"""The rules of the house that a machine can see. Each test collects every place that breaks its rule."""

import ast
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "deploy/local")
LONGEST_FILE, LONGEST_FUNCTION = 400, 40  # lines
SHORTEST_PURPOSE = 3  # words
NAMES_THAT_SAY_NOTHING = {"utils", "helpers", "common", "misc", "base", "manager"}
OURS = {
    *("canonical", "servicekit", "sandboxkit", "system_apis", "process_apis", "experience_api", "gateway"),
    *("launcher", "demo"),
}
OF_A_VENDOR = ("client", "mapping", "errors", "settings", "sandbox")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_every_module_says_what_it_is_for() -> None:
    """A module begins with a sentence of at least three words: what it is for, not what it is called."""
    nobody(_name(path) for path in _sources() if not _says_what_for(ast.get_docstring(_tree(path))))


def test_no_file_is_longer_than_400_lines() -> None:
    """A longer file has more than one subject."""
    lengths = {_name(path): len(path.read_text("utf-8").splitlines()) for path in (*_sources(), *_tests())}
    nobody(f"{name}: {length} lines" for name, length in lengths.items() if length > LONGEST_FILE)


def test_no_function_is_longer_than_40_lines() -> None:
    """From `def` to its last line, its docstring and its signature counted."""
    nobody(
        f"{_name(path)}:{function.lineno} {function.name}: {_length(function)} lines"
        for path in (*_sources(), *_tests())
        for function in _functions(path)
        if _length(function) > LONGEST_FUNCTION
    )


def test_names_say_what_is_inside() -> None:
    """No module or package is called by a word that fits everything."""
    nobody(
        _name(path)
        for path in (*_sources(), *_tests())
        if NAMES_THAT_SAY_NOTHING & {*path.relative_to(ROOT).parent.parts, *path.stem.split("_")}
    )


def test_nothing_is_left_to_do() -> None:
    """What is not done is an issue, not a comment."""
    mark = re.compile(r"\b(TODO|FIXME|XXX)\b")
    nobody(
        f"{_name(path)}:{line}"
        for path in (*_sources(), *_tests())
        for line, text in _comments(path)
        if mark.search(text)
    )


def test_every_test_states_its_rule() -> None:
    """A test's docstring is the rule that it holds, in one sentence."""
    nobody(
        f"{_name(path)}:{function.lineno} {function.name}"
        for path in _tests()
        for function in _functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    )


def test_only_what_talks_to_a_person_prints() -> None:
    """Services log; the launcher, the demo and the tests' tools print."""
    nobody(
        f"{_name(path)}:{node.lineno}"
        for path in _python(ROOT / "services")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    )


def test_every_vendor_folder_has_the_same_names() -> None:
    """A vendor is a folder with the same five names in it, each a module or a package, and a README (D5)."""
    nobody(f"{_name(vendor)}: no {name}" for vendor in _vendors() for name in _missing_names(vendor))


def test_every_dependency_says_why_it_is_there() -> None:
    """A dependency costs something for ever; its line in pyproject.toml says what it is worth."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    lists = re.findall(r"^(?:dependencies|dev|bench) = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert 3 == len(lists)
    lines = [line.strip() for part in lists for line in part.splitlines()]
    nobody(line for line in lines if not re.fullmatch(r'"[^"]+",\s+# \S+.*\S', line))


def test_sandboxes_stand_on_their_kit_alone() -> None:
    """A sandbox is judged as the vendor would be: it shares no line with the connector that it plays against."""
    files = dict.fromkeys(_python(ROOT / "services/shared/sandboxkit"), "sandboxkit")
    for vendor in _vendors():
        own = f"system_apis.{vendor.parent.name}.{vendor.name}.sandbox"
        files |= dict.fromkeys(_python(vendor / "sandbox"), own)
        if (vendor / "sandbox.py").is_file():
            files[vendor / "sandbox.py"] = own
    nobody(
        f"{_name(path)}: {module}"
        for path, own in files.items()
        for module in _imports(path)
        if _is_strange(module, own)
    )


def nobody(wrong: Iterable[str]) -> None:
    """There is no place that breaks the rule; else all of them are told."""
    found = list(wrong)
    assert [] == found, "\n".join(["", *found])


def _sources() -> list[Path]:
    return [path for folder in SOURCES for path in _python(ROOT / folder)]


def _tests() -> list[Path]:
    return _python(ROOT / "tests")


@cache
def _python(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, Function))


def _length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _comments(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as opened:
        yield from (
            (one.start[0], one.string) for one in tokenize.tokenize(opened.readline) if one.type == tokenize.COMMENT
        )


def _says_what_for(docstring: str | None) -> bool:
    return docstring is not None and len(docstring.split("\n\n")[0].split()) >= SHORTEST_PURPOSE


def _vendors() -> list[Path]:
    """The packages inside the capabilities' packages; a capability is a package with a port."""
    capabilities = (port.parent for port in (ROOT / "services/system-apis/system_apis").glob("*/port.py"))
    return sorted(found.parent for capability in capabilities for found in capability.glob("*/__init__.py"))


def _missing_names(vendor: Path) -> Iterator[str]:
    for name in OF_A_VENDOR:
        if not (vendor / f"{name}.py").is_file() and not (vendor / name / "__init__.py").is_file():
            yield name
    if not (vendor / "README.md").is_file():
        yield "README.md"


def _imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, by their full names; relative ones lead nowhere outside their package."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level <= 1:
            yield node.module if node.module and not node.level else ""
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level


def _is_strange(module: str, own: str) -> bool:
    """Whether it is ours, and neither the kit nor the sandbox itself. A climb out of the package is always strange."""
    if module.startswith("."):
        return True
    allowed = any(module == name or module.startswith(f"{name}.") for name in (own, "sandboxkit"))
    return module.partition(".")[0] in OURS and not allowed


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))
