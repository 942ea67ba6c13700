"""What the edge's documentation shows can be used as it stands."""

import json
import re
from pathlib import Path

from gateway.compiler.clusters import clusters, fixed_clusters
from gateway.compiler.routes import route_configuration
from gateway.compiler.tree import every_route
from gateway.contracts import read_contracts
from gateway.settings import EdgeSettings
from servicekit.settings import read

ROOT = Path(__file__).parents[3]
CONTRACTS = read_contracts(ROOT / "tests" / "edge" / "contracts")


def test_the_settings_in_the_readme_compile() -> None:
    """Every field in it exists, and its contract keys are compiled."""
    text = (ROOT / "deploy" / "envoy" / "README.md").read_text()
    block = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert block
    topology = read(EdgeSettings, json.loads(block[1]), {}).topology
    routes = [*every_route(route_configuration(CONTRACTS, topology))]
    assert "billing.v1:receiveHook" in [route["name"] for route in routes]
    names = {cluster["name"] for cluster in [*clusters(CONTRACTS, topology), *fixed_clusters(topology)]}
    assert {route["route"]["cluster"] for route in routes if "route" in route} <= names
