"""A test that asks for a stage runs on the stage of every vendor of its capability; in a vendor's folder, on that one.

The capability is the test's folder here, and its vendors are the packages in `system_apis.<capability>`. A vendor's
stage is `stage()` in `<capability>/<vendor>/stage.py`: an asynchronous context manager that gives the capability's
`Stage`, which stands in `<capability>/stage.py`.
"""

import pkgutil
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stage" in metafunc.fixturenames:
        capability, *vendor = metafunc.definition.path.parent.relative_to(HERE).parts
        vendors = vendor or vendors_of(capability)
        metafunc.parametrize("stage", [(capability, one) for one in vendors], ids=vendors, indirect=True)


@pytest.fixture
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A vendor of the capability, connected to its sandbox over a real socket, with what people do beside us."""
    capability, vendor = request.param
    if not (HERE / capability / vendor / "stage.py").is_file():
        pytest.fail(f"{vendor} has no stage: tests/conformance/{capability}/{vendor}/stage.py", pytrace=False)
    async with import_module(f"{capability}.{vendor}.stage").stage() as ready:
        yield ready


def vendors_of(capability: str) -> list[str]:
    package = import_module(f"system_apis.{capability}")
    return [module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg]
