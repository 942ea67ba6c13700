"""What clients find out by themselves. Sources: RFC 8414, RFC 9728, RFC 9207; OpenID Connect Discovery 1.0."""

from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency

from gateway.issuer.authlib_server import IDENTITY_SCOPES
from gateway.issuer.routes import Issuer
from gateway.issuer.tokens import ALGORITHM


class MetadataRoutes(Controller):
    """Everything follows from the setting `issuer`: whichever address it is read at, it says the same."""

    path = "/.well-known"
    include_in_schema = False

    @get("/oauth-authorization-server", media_type="application/json")
    async def authorization_server(self, issuer: NamedDependency[Issuer]) -> dict[str, Any]:
        """RFC 8414."""
        return metadata(issuer)

    @get("/openid-configuration", media_type="application/json")
    async def openid_configuration(self, issuer: NamedDependency[Issuer]) -> dict[str, Any]:
        """OpenID Connect Discovery."""
        return metadata(issuer) | {
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "nonce",
                "name",
                "preferred_username",
                "email",
            ],
            "end_session_endpoint": f"{issuer.url}/oauth/logout",
        }


def metadata(issuer: Issuer) -> dict[str, Any]:
    """The authorization server's metadata."""
    scopes = {scope for client in issuer.clients for scope in client.scopes} | set(IDENTITY_SCOPES)
    return {
        "issuer": issuer.url,
        "token_endpoint": f"{issuer.url}/oauth/token",
        "authorization_endpoint": f"{issuer.url}/oauth/authorize",
        "jwks_uri": f"{issuer.url}/oauth/jwks",
        "service_documentation": f"{issuer.url}/docs",
        "scopes_supported": sorted(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent"],
        "authorization_response_iss_parameter_supported": True,
    }
