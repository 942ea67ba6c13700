"""What the REST API tells about objects and their fields: `sobjects` and `sobjects/{name}/describe`."""

from system_apis.crm.salesforce.sandbox.records import Row
from system_apis.crm.salesforce.sandbox.schema import NUMBERS, Field, Schema, SObject


def described_briefly(described: SObject, version: str) -> Row:
    """The object's entry in the list of all objects."""
    root = f"/services/data/v{version}/sobjects/{described.name}"
    return {
        "name": described.name,
        "label": described.label,
        "labelPlural": f"{described.label}s",
        "keyPrefix": described.prefix,
        "custom": described.name.endswith("__c"),
        "createable": described.writable,
        "updateable": described.writable,
        "deletable": described.writable,
        "queryable": True,
        "replicateable": True,
        "urls": {"sobject": root, "describe": f"{root}/describe", "rowTemplate": f"{root}/{{ID}}"},
    }


def described_fully(schema: Schema, described: SObject, version: str) -> Row:
    """The object with its fields and the relationships to its children."""
    children = [
        {"childSObject": child.name, "field": reference.name, "relationshipName": reference.children}
        for child in schema.objects.values()
        for reference in child.fields.values()
        if reference.refers == described.name and reference.children
    ]
    fields = [_field(described, known) for known in described.fields.values()]
    return described_briefly(described, version) | {"fields": fields, "childRelationships": children}


def _field(described: SObject, known: Field) -> Row:
    return {
        "name": known.name,
        "label": known.label,
        "type": known.type,
        "soapType": "xsd:double" if known.type in NUMBERS else "xsd:string",
        "length": known.length if known.type not in NUMBERS else 0,
        "precision": 18 if known.type in NUMBERS else 0,
        "scale": known.scale if known.type in NUMBERS else 0,
        "custom": known.name.endswith("__c"),
        "createable": described.writable and known.createable,
        "updateable": described.writable and known.updateable,
        "nillable": not known.required,
        "defaultedOnCreate": known.default is not None,
        "externalId": known.external_id,
        "unique": known.external_id,
        "idLookup": known.external_id or known.name == "Id",
        "filterable": known.type != "textarea",
        "sortable": known.type not in {"textarea", "multipicklist"},
        "referenceTo": [known.refers] if known.refers else [],
        "relationshipName": known.relation or None,
        "restrictedPicklist": bool(known.values or known.values_of),
        "picklistValues": [{"active": True, "label": value, "value": value} for value in known.values],
    }
