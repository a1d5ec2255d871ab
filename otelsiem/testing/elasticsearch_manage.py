"""What the fake cluster answers beside bulk requests: who it is, what one may do, templates, policies.

A template with `data_stream` makes streams of the names that it matches; one with `date_detection: false` keeps texts
that look like dates from becoming dates.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from otelsiem.testing import elasticsearch_words as words
from otelsiem.testing.elasticsearch_access import Access
from otelsiem.testing.elasticsearch_store import Store
from otelsiem.testing.elasticsearch_words import Wrong, said
from otelsiem.testing.http import Respond, Seen

OTEL = "logs-otel@template"


class Manage:
    """The other half of the API."""

    def __init__(self, *, opensearch: bool, store: Store) -> None:
        self.opensearch = opensearch
        self.store = store
        self.serverless = False  # no `GET /`, no health, no lifecycle
        self.secured = True  # False: nobody can ask what he may do
        self.lifecycle = True  # index lifecycle or state management is there
        self.settings_unknown: set[str] = set()  # of an older version
        self.templates: dict[str, dict[str, Any]] = {} if opensearch else {OTEL: {"index_patterns": ["logs-*.otel-*"]}}
        self.policies: dict[str, dict[str, Any]] = {}
        self.version = "2.19.0" if opensearch else "8.19.0"
        self._sequence = 0

    def answer(self, request: Seen, path: str, access: Access) -> Respond:
        """What becomes of a request that is no bulk request."""
        match path.strip("/").split("/"):
            case [""]:
                return self._root(request, access)
            case ["_security", "user", "_has_privileges"] if not self.opensearch and self.secured:
                return self._privileges(request, access)
            case ["_index_template", name]:
                return self._template(request, name, access)
            case ["_ilm", "policy", name] if not self.opensearch and self.lifecycle:
                return self._policy(request, name, access)
            case ["_plugins", "_ism", "policies", name] if self.opensearch and self.lifecycle:
                return self._ism(request, name, access)
            case [index] if request.method == "HEAD" and not index.startswith("_"):
                there = index in self.store.indices or index in self.store.write
                return Respond(200 if there else 404)
        return said(400, {"error": f"no handler found for uri [{request.target}] and method [{request.method}]"})

    def _root(self, request: Seen, access: Access) -> Respond:
        if self.serverless:
            return said(404, {"ok": False, "message": "Unknown resource."})
        if not access.monitor:
            return _wrong(words.forbidden("_all", "API key id [k]", "cluster:monitor/main"))
        if request.method not in ("GET", "HEAD"):
            return said(405, {"error": "Incorrect HTTP method for uri [/]", "status": 405})
        version: dict[str, Any] = {"number": self.version}
        if self.opensearch:
            version["distribution"] = "opensearch"
        tagline = "The OpenSearch Project: https://opensearch.org/" if self.opensearch else "You Know, for Search"
        return said(200, {"name": "n1", "cluster_name": "fake", "version": version, "tagline": tagline})

    def _privileges(self, request: Seen, access: Access) -> Respond:
        asked = _json(request.body)
        names = [name for entry in asked.get("index", []) for name in entry["names"]]
        index = {name: {"create_doc": access.writes(name)} for name in names}
        every = all(found["create_doc"] for found in index.values())
        return said(200, {"username": "gw", "has_all_requested": every, "cluster": {}, "index": index})

    def _template(self, request: Seen, name: str, access: Access) -> Respond:
        if not access.manage:
            return _wrong(words.forbidden("_all", "user [gw]", "indices:admin/index_template/put"))
        if request.method in ("GET", "HEAD"):
            found = self.templates.get(name)
            if found is None:
                return _wrong(Wrong(404, "resource_not_found_exception", f"index template matching [{name}] not found"))
            return said(200, {"index_templates": [{"name": name, "index_template": found}]})
        return self._put_template(_json(request.body), name)

    def _put_template(self, body: dict[str, Any], name: str) -> Respond:
        settings = body.get("template", {}).get("settings", {})
        for setting in sorted(settings.keys() & self.settings_unknown):
            return _wrong(
                words.illegal(f"unknown setting [{setting}] please check that any required plugins are installed")
            )
        patterns = body["index_patterns"]
        for other, known in self.templates.items():
            if other != name and known.get("priority", 0) == body.get("priority", 0) and _overlap(patterns, known):
                reason = f"index template [{name}] has index patterns {patterns} matching patterns from existing "
                return _wrong(words.illegal(f"{reason}templates [{other}] with the same priority"))
        self.templates[name] = body
        if "data_stream" in body:
            self.store.streams += patterns
        if body.get("template", {}).get("mappings", {}).get("date_detection") is False:
            self.store.strict += patterns
        return said(200, {"acknowledged": True})

    def _policy(self, request: Seen, name: str, access: Access) -> Respond:
        if not access.manage:
            return _wrong(words.forbidden("_all", "user [gw]", "cluster:admin/ilm/put"))
        if self.serverless:
            return said(
                410, {"error": {"type": "api_not_available_exception", "reason": "not available in serverless"}}
            )
        if request.method == "PUT":
            self.policies[name] = _json(request.body)["policy"]
            return said(200, {"acknowledged": True})
        if name not in self.policies:
            return _wrong(Wrong(404, "resource_not_found_exception", f"Lifecycle policy not found: [{name}]"))
        return said(200, {name: {"version": 1, "policy": self.policies[name]}})

    def _ism(self, request: Seen, name: str, access: Access) -> Respond:
        if not access.manage:
            return _wrong(Wrong(403, "security_exception", "no permissions for [cluster:admin/opendistro/ism/policy]"))
        if request.method == "PUT":
            query = request.query
            known = self.policies.get(name)
            if known is not None and query.get("if_seq_no") != str(known["_seq_no"]):
                return _wrong(Wrong(409, "version_conflict_engine_exception", f"[{name}]: version conflict"))
            self._sequence += 1
            self.policies[name] = {
                "_seq_no": self._sequence,
                "_primary_term": 1,
                "policy": _json(request.body)["policy"],
            }
            return said(201, {"_id": name, **self.policies[name]})
        if name not in self.policies:
            return _wrong(Wrong(404, "status_exception", "Policy not found"))
        return said(200, {"_id": name, "_version": 1, **self.policies[name]})


def _overlap(patterns: list[str], known: dict[str, Any]) -> bool:
    theirs = known["index_patterns"]
    return any(fnmatchcase(a, b) or fnmatchcase(b, a) for a in patterns for b in theirs)


def _json(body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    assert isinstance(found, dict), "a body that is an object"
    return found


def _wrong(wrong: Wrong) -> Respond:
    return said(wrong.status, wrong.body)
