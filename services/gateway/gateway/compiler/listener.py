"""The listener and its filters, in the order that a request meets them. Source: Envoy 1.40, HTTP connection manager."""

from pathlib import Path
from typing import Any

from gateway.compiler.clusters import COLLECTOR, KEYS, remote_keys, socket_address
from gateway.compiler.replies import METADATA, local_reply_config
from gateway.compiler.topology import Topology, address

Json = dict[str, Any]

ROUTES = "edge"  # the name of the route configuration
LAYERS = ("experience", "process")
JWT_FILTER = "envoy.filters.http.jwt_authn"
CLAIMS = "jwt"

_TYPE = "type.googleapis.com/envoy.extensions"
_HTTP = f"{_TYPE}.filters.http"


def audience(layer: str) -> str:
    """The audience that a layer's tokens carry."""
    return f"syncline-{layer}"


def listener(topology: Topology, route_source: Json) -> Json:
    """The one public listener. `route_source` is `rds` in service and `route_config` when validating."""
    chain: Json = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": _manager(topology, route_source)}
        ]
    }
    if topology.tls:
        chain["transport_socket"] = _downstream_tls(topology)
    return {
        "name": "edge",
        "address": socket_address(address(topology.listen)),
        "per_connection_buffer_limit_bytes": 32_768,
        "filter_chains": [chain],
    }


def watched_file(path: Path) -> Json:
    """A file that is replaced by renaming another over it."""
    return {
        "path_config_source": {"path": str(path), "watched_directory": {"path": str(path.parent)}},
        "resource_api_version": "V3",
    }


def _manager(topology: Topology, route_source: Json) -> Json:
    return {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        **route_source,
        "http_filters": _filters(topology),
        "local_reply_config": local_reply_config(topology.origin),
        "access_log": _access_log(topology),
        "tracing": _tracing(topology),
        **_callers(topology),
        **_strictness(topology),
    }


def _callers(topology: Topology) -> Json:
    """Who calls is what the socket (and the trusted balancers before it) say, never what the caller writes."""
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": topology.trusted_hops,
        "internal_address_config": {
            "unix_sockets": False,
            "cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}],
        },
        "forward_client_cert_details": "SANITIZE",
        "preserve_external_request_id": False,
        "always_set_request_id_in_response": True,
        "server_name": "syncline",
        "early_header_mutation_extensions": [
            {
                "name": "envoy.http.early_header_mutation.header_mutation",
                "typed_config": {
                    "@type": f"{_TYPE}.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    "mutations": [{"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}}],
                },
            }
        ],
    }


def _strictness(topology: Topology) -> Json:
    """One spelling of each path, and time limits against callers that dawdle."""
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST", "idle_timeout": "300s"},
        "http_protocol_options": {"use_balsa_parser": True, "allow_custom_methods": True},  # unknown method: 405
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
        "max_request_headers_kb": topology.limits.header_kib,
        "request_headers_timeout": f"{topology.limits.headers_within_s}s",
        "request_timeout": f"{topology.limits.request_within_s}s",
        "stream_idle_timeout": "300s",
        "delayed_close_timeout": "1s",
    }


def _filters(topology: Topology) -> list[Json]:
    return [
        *(
            [_named("envoy.filters.http.compressor", "compressor.v3.Compressor", _compressor())]
            if topology.compress
            else []
        ),
        _named(JWT_FILTER, "jwt_authn.v3.JwtAuthentication", _jwt(topology)),
        _named("envoy.filters.http.local_ratelimit", "local_ratelimit.v3.LocalRateLimit", _rate_limit(topology)),
        _named("envoy.filters.http.buffer", "buffer.v3.Buffer", {"max_request_bytes": topology.limits.body_bytes}),
        _named("envoy.filters.http.router", "router.v3.Router", {}),
    ]


def _named(name: str, message: str, config: Json) -> Json:
    return {"name": name, "typed_config": {"@type": f"{_HTTP}.{message}", **config}}


def _compressor() -> Json:
    """Answers with an ETag stay as they are: compressed they would need another tag, and If-Match compares exactly."""
    return {
        "response_direction_config": {
            "common_config": {
                "min_content_length": 1024,
                "content_type": [
                    "application/json",
                    "application/problem+json",
                    "application/yaml",
                    "text/html",
                    "text/css",
                ],
            },
            "disable_on_etag_header": True,
        },
        "compressor_library": {
            "name": "gzip",
            "typed_config": {
                "@type": f"{_TYPE}.compression.gzip.compressor.v3.Gzip",
                "compression_level": "COMPRESSION_LEVEL_3",
            },
        },
    }


def _jwt(topology: Topology) -> Json:
    """A provider per layer. A route says which it needs; one that says nothing (a mistake) needs all of them."""
    return {
        "providers": {layer: _provider(topology, layer) for layer in LAYERS},
        "requirement_map": {layer: {"provider_name": layer} for layer in LAYERS},
        "rules": [
            {
                "match": {"prefix": "/"},
                "requires": {"requires_all": {"requirements": [{"provider_name": layer} for layer in LAYERS]}},
            }
        ],
    }


def _provider(topology: Topology, layer: str) -> Json:
    return {
        "issuer": topology.issuer,
        "audiences": [audience(layer)],
        **_keys(topology),
        "forward": True,  # the service verifies it again
        "require_expiration": True,
        "clock_skew_seconds": 30,
        "from_headers": [
            {"name": "Authorization", "value_prefix": "Bearer "}
        ],  # said here, or ?access_token= would do as well
        "payload_in_metadata": CLAIMS,
        "jwt_cache_config": {"jwt_cache_size": 1000},
    }


def _keys(topology: Topology) -> Json:
    remote = remote_keys(topology)
    if remote is None:
        return {"local_jwks": {"filename": topology.jwks}}
    return {
        "remote_jwks": {
            "http_uri": {"uri": remote[1], "cluster": KEYS, "timeout": "2s"},
            "cache_duration": "60s",  # an issuer publishes a new key well before it signs with it
            # The listener opens when the first attempt has ended, well or not.
            "async_fetch": {"fast_listener": False, "failed_refetch_duration": "1s"},
        }
    }


def _rate_limit(topology: Topology) -> Json:
    """Buckets live here and not in the routes, so a reload of routes empties none."""
    limits = topology.limits
    return {
        "stat_prefix": "edge_limit",
        "filter_enabled": _always("edge.limit.enabled"),
        "filter_enforced": _always("edge.limit.enforced"),
        "token_bucket": _bucket(6_000_000),  # for what no descriptor counts; needed by Envoy, never the limit
        "always_consume_default_token_bucket": False,
        "max_dynamic_descriptors": limits.clients,
        "enable_x_ratelimit_headers": "OFF",  # the services send the structured RateLimit fields
        "descriptors": [
            {"entries": [{"key": name}], "token_bucket": _bucket(per_minute)}
            for name, per_minute in (
                ("client", limits.per_client_per_minute),
                ("remote_address", limits.per_address_per_minute),
                ("hook", limits.per_hook_per_minute),
            )
        ],
    }


def _bucket(per_minute: int) -> Json:
    """Refilled every second, so that who waits as told (1 s) gets on; a full minute's worth may come at once."""
    return {"max_tokens": per_minute, "tokens_per_fill": max(1, per_minute // 60), "fill_interval": "1s"}


def _always(key: str) -> Json:
    return {"runtime_key": key, "default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def _tracing(topology: Topology) -> Json:
    """Every request gets trace context; without a collector it is passed on, and nothing is sampled for export."""
    origin = f"http://{COLLECTOR}"
    if topology.collector:
        origin = topology.collector if "://" in topology.collector else f"http://{topology.collector}"
    tracer: Json = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": "edge",
        "http_service": {"http_uri": {"uri": f"{origin.rstrip('/')}/v1/traces", "cluster": COLLECTOR, "timeout": "1s"}},
    }
    ratio = topology.trace_ratio if topology.collector else 0.0
    return {
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": tracer},
        "random_sampling": {"value": ratio * 100},
        "spawn_upstream_span": False,
    }


def _access_log(topology: Topology) -> list[Json]:
    """No header that carries a secret and no query string: an authorization code travels there."""
    if not topology.access_log:
        return []
    fields = {
        "at": "%START_TIME(%Y-%m-%dT%H:%M:%E3SZ)%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "status": "%RESPONSE_CODE%",
        "duration_ms": "%DURATION%",
        "upstream_ms": "%RESPONSE_DURATION%",
        "request_bytes": "%BYTES_RECEIVED%",
        "response_bytes": "%BYTES_SENT%",
        "api": f"%METADATA(ROUTE:{METADATA}:api)%",
        "operation": "%ROUTE_NAME%",
        "client_id": f"%DYNAMIC_METADATA({JWT_FILTER}:{CLAIMS}:client_id)%",
        "address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "flags": "%RESPONSE_FLAGS%",
        "why": "%RESPONSE_CODE_DETAILS%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": "%TRACE_ID%",
    }
    return [
        {
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": f"{_TYPE}.access_loggers.file.v3.FileAccessLog",
                "path": topology.access_log,
                "log_format": {"json_format": fields, "omit_empty_values": True},
            },
        }
    ]


def _downstream_tls(topology: Topology) -> Json:
    assert topology.tls
    common: Json = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificates": [
            {
                "certificate_chain": {"filename": topology.tls.certificate},
                "private_key": {"filename": topology.tls.private_key},
            }
        ],
    }
    if topology.tls.client_ca:
        common["validation_context"] = {"trusted_ca": {"filename": topology.tls.client_ca}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": bool(topology.tls.client_ca),
            "common_tls_context": common,
        },
    }
