"""The resource types that the sandbox serves: User, its enterprise extension, Group (RFC 7643 sections 4, 7)."""

from system_apis.identity.scim.sandbox.attributes import Attribute, ResourceType, Schema

CORE = "urn:ietf:params:scim:schemas:core:2.0"
ENTERPRISE_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def _several(name: str, types: tuple[str, ...], description: str, value_type: str = "string") -> Attribute:
    """The multi-valued form that most attributes of people share."""
    refers = ("external",) if value_type == "reference" else ()
    return Attribute(
        name=name,
        type="complex",
        many=True,
        description=description,
        parts=(
            Attribute(name="value", type=value_type, refers=refers, case_exact=value_type == "reference"),
            Attribute(name="display"),
            Attribute(name="type", canonical=types),
            Attribute(name="primary", type="boolean"),
        ),
    )


_NAME_PARTS = ("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
_ADDRESS_PARTS = ("formatted", "streetAddress", "locality", "region", "postalCode", "country")

USER_SCHEMA = Schema(
    urn=f"{CORE}:User",
    name="User",
    description="User account",
    attributes=(
        Attribute(name="userName", required=True, uniqueness="server", description="What the person signs in with"),
        Attribute(name="name", type="complex", parts=tuple(Attribute(name=part) for part in _NAME_PARTS)),
        Attribute(name="displayName"),
        Attribute(name="nickName"),
        Attribute(name="profileUrl", type="reference", case_exact=True, refers=("external",)),
        Attribute(name="title"),
        Attribute(name="userType"),
        Attribute(name="preferredLanguage"),
        Attribute(name="locale"),
        Attribute(name="timezone"),
        Attribute(name="active", type="boolean"),
        Attribute(name="password", case_exact=True, mutability="writeOnly", returned="never"),
        _several("emails", ("work", "home", "other"), "E-mail addresses"),
        _several("phoneNumbers", ("work", "home", "mobile", "fax", "pager", "other"), "Telephone numbers"),
        _several("ims", ("aim", "icq", "xmpp", "skype", "other"), "Instant messaging addresses"),
        _several("photos", ("photo", "thumbnail"), "URLs of photos", "reference"),
        Attribute(
            name="addresses",
            type="complex",
            many=True,
            parts=(
                *(Attribute(name=part) for part in _ADDRESS_PARTS),
                Attribute(name="type", canonical=("work", "home", "other")),
                Attribute(name="primary", type="boolean"),
            ),
        ),
        Attribute(
            name="groups",
            type="complex",
            many=True,
            mutability="readOnly",
            description="Groups that the user is directly a member of",
            parts=(
                Attribute(name="value", case_exact=True, mutability="readOnly"),
                Attribute(
                    name="$ref", type="reference", case_exact=True, mutability="readOnly", refers=("User", "Group")
                ),
                Attribute(name="display", mutability="readOnly"),
                Attribute(name="type", mutability="readOnly", canonical=("direct", "indirect")),
            ),
        ),
        _several("entitlements", (), "What the user may have"),
        _several("roles", (), "What the user is"),
        _several("x509Certificates", (), "Certificates, base64 of DER", "binary"),
    ),
)

ENTERPRISE_SCHEMA = Schema(
    urn=ENTERPRISE_URN,
    name="Enterprise User",
    description="What an employer knows of a user",
    attributes=(
        Attribute(name="employeeNumber"),
        Attribute(name="costCenter"),
        Attribute(name="organization"),
        Attribute(name="division"),
        Attribute(name="department"),
        Attribute(
            name="manager",
            type="complex",
            parts=(
                Attribute(name="value", case_exact=True),
                Attribute(name="$ref", type="reference", case_exact=True, refers=("User",)),
                Attribute(name="displayName", mutability="readOnly"),
            ),
        ),
    ),
)

GROUP_SCHEMA = Schema(
    urn=f"{CORE}:Group",
    name="Group",
    description="Group of users and groups",
    attributes=(
        Attribute(name="displayName", required=True),
        Attribute(
            name="members",
            type="complex",
            many=True,
            parts=(
                Attribute(name="value", case_exact=True, mutability="immutable"),
                Attribute(
                    name="$ref", type="reference", case_exact=True, mutability="immutable", refers=("User", "Group")
                ),
                Attribute(name="type", mutability="immutable", canonical=("User", "Group")),
                Attribute(name="display", mutability="readOnly"),
            ),
        ),
    ),
)

USER = ResourceType(name="User", kind="users", endpoint="/Users", schema=USER_SCHEMA, extensions=(ENTERPRISE_SCHEMA,))
GROUP = ResourceType(name="Group", kind="groups", endpoint="/Groups", schema=GROUP_SCHEMA)
RESOURCE_TYPES = (USER, GROUP)


def of_endpoint(step: str) -> ResourceType | None:
    """The resource type behind the first step of a path, such as `Users`. Entra writes it in lower case."""
    return next((one for one in RESOURCE_TYPES if one.endpoint[1:].casefold() == step.casefold()), None)


def _fixed(name: str, kind: str = "string", *parts: Attribute, many: bool = False, **more: bool) -> Attribute:
    """An attribute of the descriptions themselves: nobody writes it."""
    exact = kind in {"reference", "binary"}
    refers = ("uri",) if kind == "reference" else ()
    return Attribute(
        name=name,
        type=kind,
        many=many,
        mutability="readOnly",
        parts=parts,
        case_exact=exact,
        refers=refers,
        required=more.get("required", False),
    )


def _supported(name: str, *more: Attribute) -> Attribute:
    return _fixed(name, "complex", _fixed("supported", "boolean", required=True), *more, required=True)


_ATTRIBUTE_PARTS = (
    *(_fixed(name) for name in ("name", "type", "description", "mutability", "returned", "uniqueness")),
    *(_fixed(name, "boolean") for name in ("multiValued", "required", "caseExact")),
    _fixed("canonicalValues", many=True),
    _fixed("referenceTypes", many=True),
)

PROVIDER_SCHEMA = Schema(
    urn=f"{CORE}:ServiceProviderConfig",
    name="ServiceProviderConfig",
    description="What the server can do",
    attributes=(
        _fixed("documentationUri", "reference"),
        _supported("patch"),
        _supported("bulk", _fixed("maxOperations", "integer"), _fixed("maxPayloadSize", "integer")),
        _supported("filter", _fixed("maxResults", "integer")),
        _supported("changePassword"),
        _supported("sort"),
        _supported("etag"),
        _fixed(
            "authenticationSchemes",
            "complex",
            *(_fixed(name, required=True) for name in ("type", "name", "description")),
            _fixed("specUri", "reference"),
            _fixed("documentationUri", "reference"),
            many=True,
            required=True,
        ),
    ),
)
RESOURCE_TYPE_SCHEMA = Schema(
    urn=f"{CORE}:ResourceType",
    name="ResourceType",
    description="A kind of resource",
    attributes=(
        _fixed("name", required=True),
        _fixed("description"),
        _fixed("endpoint", "reference", required=True),
        _fixed("schema", "reference", required=True),
        _fixed(
            "schemaExtensions",
            "complex",
            _fixed("schema", "reference", required=True),
            _fixed("required", "boolean", required=True),
            many=True,
        ),
    ),
)
SCHEMA_SCHEMA = Schema(
    urn=f"{CORE}:Schema",
    name="Schema",
    description="A set of attributes",
    attributes=(
        _fixed("name", required=True),
        _fixed("description"),
        _fixed(
            "attributes",
            "complex",
            *_ATTRIBUTE_PARTS,
            _fixed("subAttributes", "complex", *_ATTRIBUTE_PARTS, many=True),
            many=True,
            required=True,
        ),
    ),
)
SCHEMAS = (
    USER_SCHEMA,
    ENTERPRISE_SCHEMA,
    GROUP_SCHEMA,
    PROVIDER_SCHEMA,
    RESOURCE_TYPE_SCHEMA,
    SCHEMA_SCHEMA,
)
