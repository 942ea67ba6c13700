"""Compiles contracts into the edge's configuration. Source: Envoy 1.40, api/v3 of its documentation."""

from gateway.compiler.publish import Published, Rejected, check_rejected, publish
from gateway.compiler.topology import Limits, Tls, Topology

__all__ = ["Limits", "Published", "Rejected", "Tls", "Topology", "check_rejected", "publish"]
