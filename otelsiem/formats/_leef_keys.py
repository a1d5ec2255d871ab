"""Which key of LEEF says what: IBM's predefined keys where there is one (contract 3), else a key of ours.

In order: the keys of the first block stand first in every line, because QRadar splits long lines (contract 5). What has
no row here is written under a name of ours, a meaning under its flat name in camel case (`policy_id` → `policyId`).
`identSrc` is not set: it ties a user to an address for all later events, which a record of an event does not say.
"""

from __future__ import annotations

from otelsiem.formats._cef_keys import Keys
from otelsiem.formats._keys import Key

FIRST: Keys = {
    "event_id": (Key("auditRecordId", "whole", 255),),
    "tenant_id": (Key("tenantId"),),
    "agent_id": (Key("agentId"),),
    "correlation_id": (Key("correlationId"),),
    "constitutional_hash": (Key("constitutionalHash"),),
    "user_name": (Key("usrName", "text", 255),),
    "user_email": (Key("usrName", "text", 255),),
    "user_id": (Key("usrName", "text", 255), Key("userId")),  # QRadar's rules read usrName, so it is never left empty
    "src_ip": (Key("src", "ip"), Key("srcHostName")),
    "src_port": (Key("srcPort", "port"), Key("clientPort")),
    "action": (Key("action"),),
    "outcome": (Key("outcome"),),
    "trace_id": (Key("traceId"),),
    "session_id": (Key("sessionId"),),
}

SECOND: Keys = {
    "account.name": (Key("accountName", "text", 255),),
    "account.id": (Key("accountName", "text", 255),),
    "target.id": (Key("resource"),),
    "reason": (Key("reason"),),
    "user_roles": (Key("role", "listed"),),
    "policy": (Key("policy"),),
}

MESSAGE: Keys = {"message": (Key("msg", "text", 1023),)}

ATTRIBUTES: Keys = {
    "server.address": (Key("dst", "ip"), Key("dstHostName")),
    "server.port": (Key("dstPort", "port"),),
    "user.domain": (Key("domain"),),
    "url.full": (Key("url"),),
    "network.transport": (Key("proto"),),
}

RESOURCE: Keys = {"host.name": (Key("hostName"),)}

# IBM's list (contract 3), also what is "reserved" there: an attribute that would be spelled like one of these, in
# whatever case, is not written under its own name.
_PREDEFINED = (
    "cat devTime devTimeFormat proto sev src dst srcPort dstPort srcPreNAT dstPreNAT srcPostNAT dstPostNAT usrName "
    "srcMAC dstMAC srcPreNATPort dstPreNATPort srcPostNATPort dstPostNATPort identSrc identHostName identNetBios "
    "identGrpName identMAC identSecondlp vSrc vSrcName accountName srcBytes dstBytes srcPackets dstPackets "
    "totalPackets role realm policy resource url groupID domain isLoginEvent isLogoutEvent calLanguage "
    "calCountryOrRegion"
)
PREDEFINED = frozenset(_PREDEFINED.split())
