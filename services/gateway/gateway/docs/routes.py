"""The portal's pages and the discovery documents. Sources: RFC 9727, RFC 9728, RFC 9512 (application/yaml)."""

from importlib.resources import files
from typing import Any

import msgspec
from litestar import Controller, Response, get, head
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.contracts import Contract
from gateway.docs.api_pages import api_page, index_page
from gateway.docs.discovery import PROFILE, linkset, protected_resource
from gateway.docs.event_pages import EventFile, events_page
from gateway.docs.problem_pages import problem_page, problem_types, problems_page
from gateway.docs.status import ApiStatus, Statuses
from servicekit.failures import Failure, Kind

HTML = "text/html"
YAML = "application/yaml"
LINKSET = f'application/linkset+json; profile="{PROFILE}"'

_CACHED = {"Cache-Control": "public, max-age=60"}


class Library(msgspec.Struct, frozen=True, kw_only=True):
    """What the pages are made of, read once at start."""

    origin: str
    issuer: str
    contracts: tuple[Contract, ...]
    events: tuple[EventFile, ...]

    def contract(self, key: str) -> Contract:
        """The contract with this key; MISSING when there is none."""
        for contract in self.contracts:
            if contract.key == key:
                return contract
        raise Failure(Kind.MISSING, "There is no API of this name.")


class DocsRoutes(Controller):
    """Pages for people, and the contracts as they are."""

    path = "/docs"
    include_in_schema = False

    @get("/")
    async def index(self, library: NamedDependency[Library]) -> Response[bytes]:
        return _page(index_page(library.contracts, library.origin))

    @get("/apis/{key:str}")
    async def api(self, key: FromPath[str], library: NamedDependency[Library]) -> Response[bytes]:
        return _page(api_page(library.contract(key)))

    @get("/apis/{key:str}/status")
    async def status(
        self, key: FromPath[str], library: NamedDependency[Library], statuses: NamedDependency[Statuses]
    ) -> ApiStatus:
        return await statuses.of(library.contract(key).key)

    @get("/openapi/{file:str}")
    async def openapi(self, file: FromPath[str], library: NamedDependency[Library]) -> Response[bytes]:
        return Response(library.contract(file.removesuffix(".yaml")).source, media_type=YAML, headers=_CACHED)

    @get("/asyncapi/{file:str}")
    async def asyncapi(self, file: FromPath[str], library: NamedDependency[Library]) -> Response[bytes]:
        for event_file in library.events:
            if f"{event_file.name}.yaml" == file:
                return Response(event_file.source, media_type=YAML, headers=_CACHED)
        raise Failure(Kind.MISSING, "There is no document of this name.")

    @get("/events")
    async def events(self, library: NamedDependency[Library]) -> Response[bytes]:
        return _page(events_page(library.events))

    @get("/problems")
    async def problems(self) -> Response[bytes]:
        return _page(problems_page())

    @get("/problems/{code:str}")
    async def problem(self, code: FromPath[str]) -> Response[bytes]:
        problem = problem_types().get(code)
        if problem is None:
            raise Failure(Kind.MISSING, "There is no problem type of this name.")
        return _page(problem_page(problem))


class AssetRoutes(Controller):
    """The style sheet, which the sign-in page needs as well."""

    path = "/docs/assets"
    include_in_schema = False

    @get("/portal.css")
    async def style(self) -> Response[bytes]:
        content = files("gateway").joinpath("assets/portal.css").read_bytes()
        return Response(content, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


class DiscoveryRoutes(Controller):
    """What machines read first."""

    path = "/.well-known"
    include_in_schema = False

    @get("/api-catalog")
    async def catalog(self, library: NamedDependency[Library]) -> Response[bytes]:
        return Response(_catalog(library), media_type=LINKSET, headers=_CACHED | _catalog_link(library))

    @head("/api-catalog")
    async def catalog_head(self, library: NamedDependency[Library]) -> Response[None]:
        headers = _CACHED | _catalog_link(library) | {"Content-Length": str(len(_catalog(library)))}
        return Response(None, media_type=LINKSET, headers=headers)

    @get("/oauth-protected-resource/{resource:path}", media_type="application/json")
    async def resource(self, resource: FromPath[str], library: NamedDependency[Library]) -> Response[dict[str, Any]]:
        found = protected_resource(library.contracts, library.origin, library.issuer, str(resource))
        if found is None:
            raise Failure(Kind.MISSING, "There is no protected resource of this name.")
        return Response(found, headers=_CACHED)


def _catalog(library: Library) -> bytes:
    return msgspec.json.encode(linkset(library.contracts, library.origin))


def _catalog_link(library: Library) -> dict[str, str]:
    return {"Link": f'<{library.origin}/.well-known/api-catalog>; rel="api-catalog"'}


def _page(content: bytes) -> Response[bytes]:
    return Response(content, media_type=HTML, headers=_CACHED)
