"""OCSF events from normalised events, whatever the record holds; built for the newest version."""

from __future__ import annotations

from otelsiem.formats._ocsf import objects
from otelsiem.formats._ocsf.classes import BASE, COMPLIANCE, DETECTION, FINDINGS, OTHER, activity_of, class_of
from otelsiem.formats._ocsf.group import Common
from otelsiem.formats._ocsf.objects import Object, some
from otelsiem.formats._ocsf.said import Said
from otelsiem.formats.json import Attack, Event
from otelsiem.formats.values import safe, text
from otelsiem.formats.vocabulary import OUTCOMES, outcome
from otelsiem.model import event as events
from otelsiem.model.severity import scale

UNKNOWN = events.Event("", 9)
_STATUS = {"success": 1, "failure": 2}  # anything else is 0; findings have a workflow there instead
_NEW = 1
_PASS, _FAIL, _UNSURE = 1, 3, 0
_TYPES = {"host": ("actor", "device"), "cloud": ("cloud",), "trace": ("trace",)}  # profiles, and what they add
_RISK = frozenset({"risk_score", "risk_level_id", "confidence_score"})  # a Detection Finding has them by itself
_CONTROL = _RISK | {"action_id", "policy", "attacks"}


def event_of(event: Event, common: Common) -> Object:
    """The OCSF event of one normalised event."""
    known = events.known(event.event_type or "") or UNKNOWN
    if event.mitre_attack is None and (always := known.technique):
        event.mitre_attack = Attack(always.tactic, always.tactic_name, always.technique, always.technique_name)
    said = Said(event, common.longest)
    class_uid = _class(said, known, common)
    made: Object = {}
    status, action = _status(said, known), said.word("action")
    _activity(made, class_uid, known, said, common)
    made |= {"severity_id": scale(event.severity_number).ocsf, "time": int(event.time_unix_nano) // 1_000_000}
    made |= some(
        message=common.short(event.message),
        status_code=said.text("error_type"),
        status_detail=said.text("reason") or said.text("error_message"),
        raw_data=common.short(None if event.body is None else text(event.body)),
        device=common.device,
        cloud=common.cloud,
    )
    if class_uid not in FINDINGS:
        made["status_id"] = _STATUS.get(status, 0)
    match class_uid:
        case 3002:
            _login(made, said, common)
        case 6003:
            _call(made, said, common, action)
        case 3004:
            _managed(made, said)
        case 2003 | 2004:
            _finding(made, said, common, class_uid)
        case _:
            made |= some(actor=objects.actor(said, objects.user(said)))
    _control(made, said, class_uid)
    _close(made, said, common, class_uid, status)
    return made


def _class(said: Said, known: events.Event, common: Common) -> int:
    who = ("user_id", "user_name", "user_email", "agent_id", "agent_name", "session_id")
    found = class_of(
        known,
        said.word("action"),
        client=bool(said.word("src_ip")),
        actor=any(said.word(name) for name in who) or bool(common.service),
        target=objects.has_target(said),
    )
    return found if found in common.classes else BASE


def _status(said: Said, known: events.Event) -> str:
    """How it ended, in one of three words; a word that is none of them stays where it is."""
    ended = said.peek("outcome")
    if ended in OUTCOMES:
        said.value("outcome")
        return str(ended)
    word = said.word("decision") or events.decision(said.event.event_type or "")
    return outcome(word) or known.outcome


def _activity(made: Object, class_uid: int, known: events.Event, said: Said, common: Common) -> None:
    activity = activity_of(class_uid, known, said.word("action"))
    name = None
    if activity == OTHER:
        name = said.text("action") or common.short(said.event.event_type)
        activity = OTHER if name else 0
    made |= {
        "activity_id": activity,
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + activity,
    }
    if name:
        made["activity_name"] = name


def _login(made: Object, said: Said, common: Common) -> None:
    found = objects.user(said)
    session = said.text("session_id")
    made |= some(
        user=found or {"name": "unknown", "type_id": 0},
        session={"uid": session} if session else None,
        actor=objects.actor(said, None),
        service={"name": common.service or "unknown"},
        src_endpoint=objects.client(said),
        dst_endpoint=objects.server(said),
        http_request=objects.request(said),
        http_response=objects.response(said),
    )


def _call(made: Object, said: Said, common: Common, action: str) -> None:
    said.text("action")
    operation = action or said.text("tool_name") or said.text("mcp_method") or common.fit(said.event.event_type)
    resource = objects.resource(said)
    made |= some(
        actor=objects.actor(said, objects.user(said)) or {"app_name": common.service},
        api=objects.api(said, operation or "unknown", common.service),
        src_endpoint=objects.client(said),
        dst_endpoint=objects.server(said),
        http_request=objects.request(said),
        http_response=objects.response(said),
        resources=[resource] if resource else None,
        trace={"uid": said.event.trace_id} if said.event.trace_id else None,
    )


def _managed(made: Object, said: Said) -> None:
    made |= some(
        actor=objects.actor(said, objects.user(said)),
        entity=objects.entity(said),
        src_endpoint=objects.client(said),
        http_request=objects.request(said),
        http_response=objects.response(said),
    )


def _finding(made: Object, said: Said, common: Common, class_uid: int) -> None:
    event = said.event
    title = said.attribute("title") or event.message or event.event_type or "finding"
    detector, method = said.attribute("detection.detector"), said.attribute("detection.method")
    source, type_ = said.text("source"), said.attribute("anomaly.type")
    analytic = some(name=detector or method, algorithm=method if detector else None)
    attacks, resource = objects.attacks(said), objects.resource(said)
    evidence = some(src_endpoint=objects.client(said), dst_endpoint=objects.server(said))
    advice = said.texts("recommendations")
    made |= some(
        status_id=_NEW,
        actor=objects.actor(said, objects.user(said)),
        finding_info=some(
            uid=common.short(event.event_id or event.time_unix_nano),
            title=common.short(title),
            desc=said.attribute("description"),
            types=[type_] if type_ else None,
            analytic=analytic | {"type_id": 0} if analytic else None,
            attacks=attacks or None,
            created_time=made["time"],
            data_sources=[source] if source else None,
        ),
        evidences=[evidence] if evidence else None,
        resources=[resource] if resource else None,
        remediation={"desc": "\n".join(advice)} if advice else None,
        compliance=_compliance(said) if class_uid == COMPLIANCE else None,
    )
    if class_uid == DETECTION:
        made["is_alert"] = (events.known(event.event_type or "") or UNKNOWN).ecs_kind == "alert"


def _compliance(said: Said) -> Object:
    """The verdict, and the rule that it is about."""
    verdict = said.other("compliance.is_compliant")
    return some(
        status_id=_PASS if verdict is True else _FAIL if verdict is False else _UNSURE,
        control=said.word("policy") or None,
        standards=[said.word("policy") or "unknown"],
    )


def _control(made: Object, said: Said, class_uid: int) -> None:
    """What profile `security_control` adds to any class."""
    if class_uid not in FINDINGS and (attacks := objects.attacks(said)):
        made["attacks"] = attacks
    made |= objects.control(said)


def _close(made: Object, said: Said, common: Common, class_uid: int, status: str) -> None:
    """Metadata, profiles, observables, and the rest under `unmapped`."""
    event = said.event
    profiles = [name for name, added in _TYPES.items() if any(key in made for key in added)]
    if made.keys() & (_CONTROL if class_uid != DETECTION else _CONTROL - _RISK):
        made.setdefault("action_id", 0)
        profiles.append("security_control")
    made["metadata"] = some(
        version=common.version,
        product=common.product,
        uid=common.fit(event.event_id),
        event_code=common.fit(event.event_type),
        tenant_uid=said.text("tenant_id"),
        correlation_uid=said.text("correlation_id"),
        logged_time=int(event.observed_time_unix_nano) // 1_000_000 if event.observed_time_unix_nano else None,
        log_provider=common.provider,
        log_level=common.fit(event.severity_text),
        original_time=event.time_unix_nano,
        profiles=profiles or None,
    )
    if observed := objects.observables(made):
        made["observables"] = observed
    made["unmapped"] = _unmapped(made, said, common, class_uid, status)


def _unmapped(made: Object, said: Said, common: Common, class_uid: int, status: str) -> Object:
    event, metadata = said.event, made["metadata"]
    flat, rest = said.rest()
    left: Object = {
        "trace_id": None if "trace" in made else event.trace_id,
        "span_id": event.span_id,
        "trace_flags": event.trace_flags,
        "severity_number": event.severity_number,
        "observed_time_unix_nano": event.observed_time_unix_nano,
        "outcome": status or None if class_uid in FINDINGS else None,
        "event_id": None if "uid" in metadata else event.event_id,
        "event_type": None if "event_code" in metadata else event.event_type,
        "severity_text": None if "log_level" in metadata else event.severity_text,
        "message": event.message if made.get("message") != event.message else None,
        "body": event.body if event.body is not None and made.get("raw_data") != text(event.body) else None,
    }
    return (
        {name: value for name, value in left.items() if value is not None}
        | flat
        | ({"attributes": safe(rest)} if rest else {})
        | common.unmapped
    )
