"""Contracts and topology to Envoy's configuration; what Envoy makes of it is tests/edge's business."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.compiler import Topology
from gateway.compiler.clusters import clusters, fixed_clusters
from gateway.compiler.listener import listener
from gateway.compiler.replies import replies
from gateway.compiler.routes import route_configuration
from gateway.compiler.topology import Address, Limits, Tls, address
from gateway.compiler.tree import every_route
from gateway.contracts import Contract, read_contracts
from gateway.docs.problem_pages import problem_types
from servicekit.failures import Failure, Kind

CONTRACTS = read_contracts(Path(__file__).parents[2] / "edge" / "contracts")


def topology(**changes: Any) -> Topology:
    """An edge for the fixture contracts."""
    settings: dict[str, Any] = {
        "listen": "0.0.0.0:8080",
        "origin": "https://edge.example",
        "admin": "127.0.0.1:9901",
        "portal": "127.0.0.1:9100",
        "issuer": "https://edge.example",
        "services": {"project-onboarding.v1": "127.0.0.1:9102", "experience.v1": "unix:/run/experience"},
    }
    return Topology(**settings | changes)


def routes(contracts: tuple[Contract, ...] = CONTRACTS, **changes: Any) -> list[dict[str, Any]]:
    """The compiled routes, in order."""
    return [*every_route(route_configuration(contracts, topology(**changes)))]


def changed(key: str, path: str, **node: Any) -> tuple[Contract, ...]:
    """The contracts, with the first operation of one moved to *path* and altered."""
    found = []
    for contract in CONTRACTS:
        if contract.key == key:
            first = msgspec.structs.replace(contract.operations[-1], path=path, **node)
            found.append(msgspec.structs.replace(contract, operations=(*contract.operations[:-1], first)))
        else:
            found.append(contract)
    return tuple(found)


def test_literal_paths_come_before_parameters() -> None:
    """Envoy takes the first route that fits."""
    names = [route["name"] for route in routes() if route["name"].startswith("project-onboarding")]
    assert [
        "project-onboarding.v1:listOnboardings",
        "project-onboarding.v1:startOnboarding",
        "project-onboarding.v1:searchOnboardings",
        "project-onboarding.v1:getOnboarding",
    ] == names


def test_a_parameter_takes_one_segment() -> None:
    """A template becomes an expression; whatever else is in the path is taken literally."""
    moved = changed("project-onboarding.v1", "/v1/a.b/{x}/c")
    route = next(route for route in routes(moved) if route["name"].endswith("getOnboarding"))
    pattern = route["match"]["safe_regex"]["regex"]
    assert re.fullmatch(pattern, "/process/project-onboarding/v1/a.b/1/c")
    assert not re.fullmatch(pattern, "/process/project-onboarding/v1/a.b/1/2/c")
    assert not re.fullmatch(pattern, "/process/project-onboarding/v1/aXb/1/c")


def test_every_route_says_whether_it_needs_a_token() -> None:
    """A route that says nothing would fall to the rule that demands the impossible."""
    needs = {route["name"]: route["typed_per_filter_config"]["envoy.filters.http.jwt_authn"] for route in routes()}
    assert "process" == needs["project-onboarding.v1:getOnboarding"]["requirement_name"]
    assert "experience" == needs["experience.v1:getView"]["requirement_name"]
    assert needs["docs"]["disabled"]
    assert len(needs) == len({route["name"] for route in routes()})


def test_a_route_is_looked_for_among_its_resources_own() -> None:
    """What an API costs to find does not grow with the others; each list refuses bad Hosts and ends in 404."""
    matcher = route_configuration(CONTRACTS, topology())["virtual_hosts"][0]["matcher"]
    under = matcher["matcher_tree"]["prefix_match_map"]["map"]
    lists = {prefix: branch["action"]["typed_config"]["routes"] for prefix, branch in under.items()}
    assert {"/process/project-onboarding/v1/onboardings", "/experience/v1/views", "/experience/v1/changes"} <= {*lists}
    lists["others"] = matcher["on_no_match"]["action"]["typed_config"]["routes"]
    assert {("misaddressed", "nothing")} == {(found[0]["name"], found[-1]["name"]) for found in lists.values()}


def test_a_path_without_a_resource_is_not_compiled() -> None:
    """It would lie before every resource of the API."""
    with pytest.raises(Failure) as caught:
        routes(changed("project-onboarding.v1", "/v1/{anything}"))
    assert "project-onboarding.v1 GET /v1/{anything} names no resource behind /v1/" == caught.value.detail


def test_an_operation_without_security_is_not_compiled() -> None:
    """Deny by default: an open operation in an offered layer is a mistake."""
    with pytest.raises(Failure) as caught:
        routes(changed("project-onboarding.v1", "/v1/open", secured=False))
    assert "project-onboarding.v1 GET /v1/open states no security, so it cannot be offered" == caught.value.detail


def test_a_path_of_another_major_is_not_compiled() -> None:
    """The file's name and its paths agree."""
    with pytest.raises(Failure) as caught:
        routes(changed("project-onboarding.v1", "/v2/onboardings"))
    assert Kind.MISCONFIGURED is caught.value.kind


def test_one_method_and_path_has_one_owner() -> None:
    """Paths that differ only in the name of a parameter are the same path."""
    whole = next(contract for contract in CONTRACTS if contract.key == "experience.v1")
    view = next(operation for operation in whole.operations if operation.id == "getView")
    first = msgspec.structs.replace(whole, operations=(view,))
    renamed = msgspec.structs.replace(view, path="/v1/views/{other}")
    second = msgspec.structs.replace(whole, key="more.v1", operations=(renamed,))
    with pytest.raises(Failure) as caught:
        routes((first, second), services={"experience.v1": "a:1", "more.v1": "b:1"})
    assert "GET /experience/v1/views/{other} is offered by experience.v1 and more.v1" == caught.value.detail


def test_a_stream_has_no_overall_time_limit_and_others_have() -> None:
    """A setting for the API goes before the general one, the operation's own before both."""
    found = routes(timeouts_s={"project-onboarding.v1": 30.0})
    limits = {route["name"]: route["route"]["timeout"] for route in found if "route" in route}
    assert "0s" == limits["experience.v1:watchChanges"]
    assert "15.0s" == limits["experience.v1:getView"]
    assert "30.0s" == limits["project-onboarding.v1:getOnboarding"]
    own = routes(changed("project-onboarding.v1", "/v1/slow", timeout_s=60), timeouts_s={"project-onboarding.v1": 30.0})
    assert "60s" == next(route for route in own if route["name"].endswith("getOnboarding"))["route"]["timeout"]


def test_only_what_never_reached_a_service_is_repeated() -> None:
    """A command must not run twice because the edge tried again."""
    conditions = {route["route"]["retry_policy"]["retry_on"] for route in routes() if "route" in route}
    assert {"connect-failure,refused-stream"} == conditions


@pytest.mark.parametrize("key", ["billing.v1", "project-onboarding.v1", "unknown.v1"])
def test_a_hook_that_leads_nowhere_is_refused(key: str) -> None:
    """No address, no hook operation, no contract."""
    with pytest.raises(Failure) as caught:
        routes(hooks={"stripe-de": key})
    assert Kind.MISCONFIGURED is caught.value.kind


def test_a_system_api_has_a_cluster_only_for_its_hooks() -> None:
    """What is not routed is not connected to."""
    services = {"billing.v1": "127.0.0.1:9103"}
    assert [] == clusters(CONTRACTS, topology(services=services))
    named = clusters(CONTRACTS, topology(services=services, hooks={"stripe-de": "billing.v1"}))
    assert ["api.billing.v1"] == [cluster["name"] for cluster in named]


def test_several_addresses_share_the_load_and_a_failing_one_is_left_out() -> None:
    """Host names are looked up; one address alone is never left out."""
    several = topology(
        services={"experience.v1": ["a.internal:1", "b.internal:1"], "project-onboarding.v1": "10.0.0.1:1"}
    )
    found = {cluster["name"]: cluster for cluster in clusters(CONTRACTS, several)}
    assert ("STRICT_DNS", "STATIC") == (found["api.experience.v1"]["type"], found["api.project-onboarding.v1"]["type"])
    assert 5 == found["api.experience.v1"]["outlier_detection"]["consecutive_gateway_failure"]
    assert "outlier_detection" not in found["api.project-onboarding.v1"]


def test_an_upstream_by_https_is_verified() -> None:
    """Its certificate must be for its name."""
    found = fixed_clusters(topology(jwks="https://id.example/keys"))
    keys = next(cluster for cluster in found if cluster["name"] == "issuer_keys")
    assert "id.example" == keys["transport_socket"]["typed_config"]["sni"]
    assert keys["transport_socket"]["typed_config"]["auto_sni_san_validation"]


def test_keys_may_be_a_file() -> None:
    """Then no cluster fetches them."""
    local = topology(jwks="/etc/edge/keys.json")
    assert ["portal", "collector"] == [cluster["name"] for cluster in fixed_clusters(local)]
    assert '"local_jwks": {"filename": "/etc/edge/keys.json"}' in _text(listener(local, {}))


def test_a_certificate_turns_on_tls_and_strict_transport() -> None:
    """Callers may be asked for a certificate, too."""
    secure = topology(tls=Tls(certificate="/c.pem", private_key="/k.pem", client_ca="/ca.pem"))
    socket = listener(secure, {})["filter_chains"][0]["transport_socket"]["typed_config"]
    assert socket["require_client_certificate"]
    assert "TLSv1_2" == socket["common_tls_context"]["tls_params"]["tls_minimum_protocol_version"]
    headers = route_configuration(CONTRACTS, secure)["response_headers_to_add"]
    assert ["x-content-type-options", "strict-transport-security"] == [entry["header"]["key"] for entry in headers]


def test_spans_leave_only_for_a_collector() -> None:
    """Without one trace context is made, and nothing is sampled."""
    assert '"random_sampling": {"value": 0.0}' in _text(listener(topology(), {}))
    exported = _text(listener(topology(collector="http://collector:4318", trace_ratio=0.1), {}))
    assert '"random_sampling": {"value": 10.0}' in exported
    assert '"uri": "http://collector:4318/v1/traces"' in exported


def test_limits_are_the_settings() -> None:
    """Requests per minute come back second by second."""
    text = _text(listener(topology(limits=Limits(per_client_per_minute=120)), {}))
    assert '{"max_tokens": 120, "tokens_per_fill": 2, "fill_interval": "1s"}' in text


def test_every_reply_of_the_edge_has_its_page() -> None:
    """The type of a problem leads somewhere, whoever made it."""
    assert set() == {reply.code for reply in replies("https://edge.example")} - set(problem_types())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9102", Address(host="127.0.0.1", port=9102)),
        ("crm.internal:80", Address(host="crm.internal", port=80)),
        ("http://crm.internal", Address(host="crm.internal", port=80)),
        ("https://crm.internal", Address(host="crm.internal", port=443, tls=True)),
        ("https://crm.internal:8443/x", Address(host="crm.internal", port=8443, tls=True)),
        ("unix:/run/crm", Address(path="/run/crm")),
        ("[::1]:9102", Address(host="::1", port=9102)),
    ],
)
def test_an_address_has_four_forms(text: str, expected: Address) -> None:
    """Host and port, a URL of either scheme, a socket's path."""
    assert expected == address(text)


@pytest.mark.parametrize("text", ["", "ftp://a", "a:port", "a:99999", ":80"])
def test_anything_else_is_no_address(text: str) -> None:
    """A typing mistake is found before Envoy starts."""
    with pytest.raises(Failure) as caught:
        address(text)
    assert Kind.MISCONFIGURED is caught.value.kind


def _text(configuration: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(configuration), indent=0).decode()
