"""An independent judge of OCSF events: the package `ocsf-json-schema` makes a JSON Schema, `jsonschema` applies it."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from otelsiem.formats.ocsf import Version

VERSIONS: tuple[Version, ...] = get_args(Version)


@cache
def _schema(version: str) -> Any:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(version=version))


@cache
def _validator(version: str, class_uid: int, profiles: tuple[str, ...]) -> Draft202012Validator:
    found = _schema(version)
    name = found.lookup_class_name_from_uid(class_uid)
    return Draft202012Validator(found.get_class_schema(class_name=name, profiles=list(profiles)))


def verdict(event: dict[str, Any], version: str) -> list[str]:
    """What is wrong with the event; the version is the one that was asked for, not what the event says of itself."""
    named = event["metadata"].get("profiles", [])
    profiles = tuple(sorted({name for name in named if isinstance(name, str)})) if isinstance(named, list) else ()
    try:
        validator = _validator(version, event["class_uid"], profiles)
    except (ValueError, TypeError) as error:
        return [str(error)]
    return [f"{list(error.path)}: {error.message[:200]}" for error in validator.iter_errors(event)]
