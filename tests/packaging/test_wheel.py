"""The wheel holds every package that pyproject.toml names: hatchling silently leaves out a folder that is not there."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
    "packages"
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The names of the files in the wheel, built with the pinned tools and without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return frozenset(zipfile.ZipFile(path).namelist())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_in_the_wheel(wheel: frozenset[str], package: str) -> None:
    """Modules, migrations and data files, each under its package's own name; nothing that a tool left behind."""
    folder = ROOT / package
    expected = {
        f"{folder.name}/{path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"{folder.name}/__init__.py" in expected
    assert expected == {name for name in wheel if name.startswith(f"{folder.name}/")}


def test_the_wheel_holds_nothing_else(wheel: frozenset[str]) -> None:
    """No tests, contracts or deployment files are installed into somebody's environment."""
    tops = {name.split("/")[0] for name in wheel}
    assert {Path(package).name for package in PACKAGES} == {top for top in tops if not top.endswith(".dist-info")}
