"""$metadata: the EDMX of an API, for clients that read it. Source: OData 4.0 CSDL XML."""

from xml.sax.saxutils import quoteattr

from system_apis.erp.business_central.sandbox.entities import BY_API, COMPANIES
from system_apis.erp.business_central.sandbox.filters import edm_type
from system_apis.erp.business_central.sandbox.shapes import Entity

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    '<Schema Namespace="Microsoft.NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
)
_TAIL = "</Schema></edmx:DataServices></edmx:Edmx>"


def metadata(api: str) -> str:
    """Every entity type with its properties, and the container with the sets."""
    entities = [COMPANIES, *BY_API[api].values()]
    types = "".join(_type(entity, entities) for entity in entities)
    sets = "".join(
        f'<EntitySet Name={quoteattr(entity.set_name)} EntityType="Microsoft.NAV.{entity.name}"/>'
        for entity in entities
    )
    return f'{_HEAD}{types}<EntityContainer Name="NAV">{sets}</EntityContainer>{_TAIL}'


def _type(entity: Entity, entities: list[Entity]) -> str:
    properties = "".join(
        f"<Property Name={quoteattr(field.name)} Type={quoteattr(edm_type(field))}"
        f"{f' MaxLength={quoteattr(str(field.length))}' if field.length else ''}/>"
        for field in entity.fields
    )
    names = {other.set_name: other.name for other in entities}
    ways = {name: (names[way.target], way.many) for name, way in entity.navigations.items()}
    if entity is COMPANIES:
        ways = {other.set_name: (other.name, True) for other in entities if other is not COMPANIES}
    navigations = "".join(
        f"<NavigationProperty Name={quoteattr(name)} Type={quoteattr(_target(target, many=many))}/>"
        for name, (target, many) in ways.items()
    )
    key = '<Key><PropertyRef Name="id"/></Key>'
    return f"<EntityType Name={quoteattr(entity.name)}>{key}{properties}{navigations}</EntityType>"


def _target(name: str, *, many: bool) -> str:
    return f"Collection(Microsoft.NAV.{name})" if many else f"Microsoft.NAV.{name}"
