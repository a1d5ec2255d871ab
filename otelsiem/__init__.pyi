# ruff: noqa: A002, PYI021 - keys are called as in YAML, and editors show what they mean
from typing import Any, Literal

from otelsiem.adapter import OperatorError as OperatorError
from otelsiem.adapter import PermanentError as PermanentError
from otelsiem.adapter import RetryError as RetryError
from otelsiem.adapter import SiemAdapter as SiemAdapter
from otelsiem.auditing.acts import Authentication as Authentication
from otelsiem.auditing.acts import AuthorizationFailure as AuthorizationFailure
from otelsiem.auditing.acts import ConfigurationChange as ConfigurationChange
from otelsiem.auditing.acts import PolicyDecision as PolicyDecision
from otelsiem.auditing.acts import PromptInjection as PromptInjection
from otelsiem.auditing.acts import ToolCall as ToolCall
from otelsiem.auditing.api import audit as audit
from otelsiem.auditing.api import audit_durable as audit_durable
from otelsiem.auditing.api import audited as audited
from otelsiem.auditing.api import configure as configure
from otelsiem.auditing.context import bind as bind
from otelsiem.auditing.context import bind_request as bind_request
from otelsiem.auditing.events import Alert as Alert
from otelsiem.auditing.events import Anomaly as Anomaly
from otelsiem.auditing.events import ComplianceCheck as ComplianceCheck
from otelsiem.auditing.events import RiskAssessment as RiskAssessment
from otelsiem.auditing.events import SecurityEvent as SecurityEvent
from otelsiem.auditing.log import AuditLog as AuditLog
from otelsiem.auditing.receipt import Receipt as Receipt
from otelsiem.auditing.runs import Telemetry as Telemetry
from otelsiem.auditing.runs import WorkflowExecution as WorkflowExecution
from otelsiem.auditing.technique import Target as Target
from otelsiem.auditing.technique import Technique as Technique
from otelsiem.destinations.datadog import Datadog as _Datadog
from otelsiem.destinations.elasticsearch import Elasticsearch as _Elasticsearch
from otelsiem.destinations.file import File as _File
from otelsiem.destinations.kafka import Kafka as _Kafka
from otelsiem.destinations.opensearch import Opensearch as _Opensearch
from otelsiem.destinations.otlp import Otlp as _Otlp
from otelsiem.destinations.otlp_http import OtlpHttp as _OtlpHttp
from otelsiem.destinations.splunk_hec import SplunkHec as _SplunkHec
from otelsiem.destinations.syslog import Syslog as _Syslog
from otelsiem.destinations.webhook import Webhook as _Webhook
from otelsiem.model.match import Match as _Match
from otelsiem.outbox import NotTakenError as NotTakenError
from otelsiem.outbox import Outlet as Outlet
from otelsiem.sdk.exporter import SiemLogExporter as SiemLogExporter
from otelsiem.sdk.processor import AuditLogRecordProcessor as AuditLogRecordProcessor
from otelsiem.sdk.ready import DatadogExporter as DatadogExporter
from otelsiem.sdk.ready import ElasticsearchExporter as ElasticsearchExporter
from otelsiem.sdk.ready import FileExporter as FileExporter
from otelsiem.sdk.ready import KafkaExporter as KafkaExporter
from otelsiem.sdk.ready import OpensearchExporter as OpensearchExporter
from otelsiem.sdk.ready import OtlpHttpExporter as OtlpHttpExporter
from otelsiem.sdk.ready import SplunkHecExporter as SplunkHecExporter
from otelsiem.sdk.ready import SyslogExporter as SyslogExporter
from otelsiem.sdk.ready import WebhookExporter as WebhookExporter

__version__: str
_LAZY: dict[str, str]

# Settings as they may be written: pydantic makes of a text what it stands for. By `--update-golden`.

class Match(_Match):
    """Which records an exporter takes; what it leaves out is counted as filtered.

    `events`: event name globs, e.g. `auth*`
    `min_severity`: level word or SeverityNumber; records below it are left out
    `tenants`: tenant id globs
    `attributes`: attribute -> value, glob, or list of them
    `any`: at least one of these conditions holds
    `all`: every one of these conditions holds
    """

    def __init__(
        self,
        *,
        events: Any = ...,
        min_severity: Any = ...,
        tenants: Any = ...,
        attributes: Any = ...,
        any: Any = ...,
        all: Any = ...,
        **more: Any,
    ) -> None: ...

class Datadog(_Datadog):
    """Events to Datadog's log intake.

    `service`, `source`, `hostname` and each of `tags` are templates (`tenant:{tenant.id}`). Without `service`, `env`
    and `version`, the resource says them, as Datadog's unified service tagging wants it.

    `api`: the key, and the site where it was made
    `tls`: whom we trust, and who we say we are
    `timeout`: total time for one request
    `headers`: headers to add to every request
    `proxy_url`: proxy to go through, http://[user:password@]host:port; the environment names none
    `max_conns_per_host`: connections at once, never over 64; 0 = 64
    `max_idle_conns`: connections kept open between requests; 0 = all
    `idle_conn_timeout`: a connection unused for longer is closed; 0 = never
    `disable_keep_alives`: a connection of its own for every request
    `endpoint`: URL to send to instead of the site's own, for a proxy
    `service`: service; unset: the resource's service.name
    `source`: source (ddsource), which picks Datadog's pipeline
    `hostname`: host where the resource names none; unset: this machine
    `tags`: tags, `key:value`; a list, or one text with commas
    `env`: tag env; unset: the resource's deployment.environment.name
    `version`: tag version; unset: the resource's service.version
    `schema`: standard: with Datadog's standard attributes; event: without them
    `product`: vendor, product and version, where the resource must not decide
    `stale`: what becomes of records that Datadog would drop: older than 18 h, 2 h ahead
    `oversize`: what becomes of a log over 1 MB: its longest texts are cut, or it is a dead letter
    `compression`: of bodies over 1.5 KB
    `max_request_bytes`: uncompressed bytes of a request
    """

    def __init__(
        self,
        *,
        api: Any,
        tls: Any = ...,
        timeout: Any = ...,
        headers: Any = ...,
        proxy_url: Any = ...,
        max_conns_per_host: int = ...,
        max_idle_conns: int = ...,
        idle_conn_timeout: Any = ...,
        disable_keep_alives: bool = ...,
        endpoint: Any = ...,
        service: Any = ...,
        source: str = ...,
        hostname: Any = ...,
        tags: Any = ...,
        env: Any = ...,
        version: Any = ...,
        schema: Literal["standard", "event"] = ...,
        product: Any = ...,
        stale: Literal["resend_as_now", "dead_letter"] = ...,
        oversize: Literal["cut", "dead_letter"] = ...,
        compression: Literal["gzip", "none"] = ...,
        max_request_bytes: int = ...,
    ) -> None: ...

class Elasticsearch(_Elasticsearch):
    """Events to Elasticsearch over its bulk API, as Elastic Common Schema or as OpenTelemetry records.

    `index` and the parts of `data_stream` are templates (`audit-{tenant.id}-%Y.%m.%d`); dates are those of the events.
    With fields or dates in them each index gets requests of its own, so that one that is not allowed holds nobody else.

    `tls`: whom we trust, and who we say we are
    `timeout`: total time for one request
    `headers`: headers to add to every request
    `proxy_url`: proxy to go through, http://[user:password@]host:port; the environment names none
    `max_conns_per_host`: connections at once, never over 64; 0 = 64
    `max_idle_conns`: connections kept open between requests; 0 = all
    `idle_conn_timeout`: a connection unused for longer is closed; 0 = never
    `disable_keep_alives`: a connection of its own for every request
    `endpoint`: root of the cluster, https://es.example.com:9200
    `endpoints`: or its nodes: another one is asked when one fails
    `user`: user, with `password`
    `password`: its password
    `bearer_token`: token of a service account, or a JWT
    `index`: index or alias, for example audit-{tenant.id}-%Y.%m.%d; unset: the data stream
    `data_stream`: the data stream logs-<dataset>-<namespace>; used where `index` is unset
    `logstash_format`: an index for each date, as Logstash names them
    `mapping`: in whose words a record is written
    `pipeline`: ingest pipeline that every document goes through
    `product`: vendor, product and version, where the resource must not decide
    `compression`: of bodies over 1.5 KB
    `max_request_bytes`: uncompressed bytes of a request
    `max_event_bytes`: an event over it becomes a dead letter, unsent
    `lifecycle`: what `otelsiem setup` sets up
    `cloudid`: or the Cloud ID of a deployment in Elastic Cloud
    `api_key`: API key: the field `encoded` of the answer that made it, or id:api_key
    `require_data_stream`: never make a plain index by mistake (8.13 and newer); unset: with the mapping otel
    """

    def __init__(
        self,
        *,
        tls: Any = ...,
        timeout: Any = ...,
        headers: Any = ...,
        proxy_url: Any = ...,
        max_conns_per_host: int = ...,
        max_idle_conns: int = ...,
        idle_conn_timeout: Any = ...,
        disable_keep_alives: bool = ...,
        endpoint: Any = ...,
        endpoints: Any = ...,
        user: Any = ...,
        password: Any = ...,
        bearer_token: Any = ...,
        index: Any = ...,
        data_stream: Any = ...,
        logstash_format: Any = ...,
        mapping: Any = ...,
        pipeline: Any = ...,
        product: Any = ...,
        compression: Literal["gzip", "none"] = ...,
        max_request_bytes: int = ...,
        max_event_bytes: int = ...,
        lifecycle: Any = ...,
        cloudid: Any = ...,
        api_key: Any = ...,
        require_data_stream: Any = ...,
    ) -> None: ...

class File(_File):
    """Events as lines in a file, for a forwarder or for a person with `jq`.

    `path`: the file to append to
    `format`: what a line is; json: the normalised event
    `cef`: for format cef
    `leef`: for format leef
    `rotation`: when to begin a new file; unset = never
    `fsync`: batch: on the disk before a write counts as done; never: when the kernel decides
    `mode`: permissions of new files, octal in quotes, for example '0640'
    `product`: vendor, product and version, where the resource must not decide
    """

    def __init__(
        self,
        *,
        path: str,
        format: Literal["json", "ecs", "ocsf", "cef", "leef", "rfc5424", "rfc3164", "datadog"] = ...,
        cef: Any = ...,
        leef: Any = ...,
        rotation: Any = ...,
        fsync: Literal["batch", "never"] = ...,
        mode: str = ...,
        product: Any = ...,
    ) -> None: ...

class Kafka(_Kafka):
    """Messages to a topic of Kafka, or of anything that speaks its protocol.

    `topic` and `key` are templates (`audit-{tenant.id}`). With fields in `topic`, each topic is written to by
    itself, so that one that does not exist holds nobody else.

    `brokers`: some of the brokers, as host:port
    `topic`: topic to write to
    `format`: otlp_proto and otlp_json as the Collector writes them, or a format by name
    `unit`: what a message holds: batch (an OTLP request of many records) or record; unset: batch for OTLP
    `key`: key: messages of one key keep their order; unset: no key
    `partition_logs_by_resource_attributes`: a key for each resource, a hash of it
    `partition_logs_by_trace_id`: the trace id as key
    `headers`: headers to add to every message
    `timestamp`: of a message of one record: when the event happened, if that is less than a day ago
    `timeout`: time until a message has arrived or is tried anew, the client's retries included
    `client_id`: what we are called in the brokers' logs and quotas
    `auth`: who we are, beside a certificate in `tls`
    `tls`: encryption; unset: none. Write {} for the system's authorities
    `producer`: how messages are written
    `metadata`: what is known of the cluster
    `resolve_canonical_bootstrap_servers_only`: the brokers' names are aliases: look up what they stand for
    `product`: vendor, product and version, where the resource must not decide
    """

    def __init__(
        self,
        *,
        brokers: Any,
        topic: str = ...,
        format: Any = ...,
        unit: Any = ...,
        key: Any = ...,
        partition_logs_by_resource_attributes: bool = ...,
        partition_logs_by_trace_id: bool = ...,
        headers: Any = ...,
        timestamp: Literal["event", "sent"] = ...,
        timeout: Any = ...,
        client_id: str = ...,
        auth: Any = ...,
        tls: Any = ...,
        producer: Any = ...,
        metadata: Any = ...,
        resolve_canonical_bootstrap_servers_only: bool = ...,
        product: Any = ...,
    ) -> None: ...

class Opensearch(_Opensearch):
    """Events to OpenSearch over its bulk API, as Elastic Common Schema or as OpenTelemetry records.

    `index` and the parts of `data_stream` are templates (`audit-{tenant.id}-%Y.%m.%d`); dates are those of the events.
    With fields or dates in them each index gets requests of its own, so that one that is not allowed holds nobody else.

    `tls`: whom we trust, and who we say we are
    `timeout`: total time for one request
    `headers`: headers to add to every request
    `proxy_url`: proxy to go through, http://[user:password@]host:port; the environment names none
    `max_conns_per_host`: connections at once, never over 64; 0 = 64
    `max_idle_conns`: connections kept open between requests; 0 = all
    `idle_conn_timeout`: a connection unused for longer is closed; 0 = never
    `disable_keep_alives`: a connection of its own for every request
    `endpoint`: root of the cluster, https://es.example.com:9200
    `endpoints`: or its nodes: another one is asked when one fails
    `user`: user, with `password`
    `password`: its password
    `bearer_token`: token of a service account, or a JWT
    `index`: index or alias, for example audit-{tenant.id}-%Y.%m.%d; unset: the data stream
    `data_stream`: the data stream logs-<dataset>-<namespace>; used where `index` is unset
    `logstash_format`: an index for each date, as Logstash names them
    `mapping`: in whose words a record is written
    `pipeline`: ingest pipeline that every document goes through
    `product`: vendor, product and version, where the resource must not decide
    `compression`: of bodies over 1.5 KB
    `max_request_bytes`: uncompressed bytes of a request
    `max_event_bytes`: an event over it becomes a dead letter, unsent
    `lifecycle`: what `otelsiem setup` sets up
    `auth`: auth: {sigv4: {region: …}} for Amazon's managed OpenSearch
    """

    def __init__(
        self,
        *,
        tls: Any = ...,
        timeout: Any = ...,
        headers: Any = ...,
        proxy_url: Any = ...,
        max_conns_per_host: int = ...,
        max_idle_conns: int = ...,
        idle_conn_timeout: Any = ...,
        disable_keep_alives: bool = ...,
        endpoint: Any = ...,
        endpoints: Any = ...,
        user: Any = ...,
        password: Any = ...,
        bearer_token: Any = ...,
        index: Any = ...,
        data_stream: Any = ...,
        logstash_format: Any = ...,
        mapping: Any = ...,
        pipeline: Any = ...,
        product: Any = ...,
        compression: Literal["gzip", "none"] = ...,
        max_request_bytes: int = ...,
        max_event_bytes: int = ...,
        lifecycle: Any = ...,
        auth: Any = ...,
    ) -> None: ...

class Otlp(_Otlp):
    """Records to an OTLP receiver over gRPC.

    `endpoint`: host:port of the receiver (collector.example.com:4317); http:// before it: without TLS; or a list
    `tls`: whom we trust, and who we say we are; insecure: true for none
    `headers`: metadata to add to every request, for example authorization
    `compression`: of messages over 1.5 KB
    `timeout`: total time for one request
    `keepalive`: pings on a quiet connection; none unless set
    `balancer_name`: how the addresses of a name share the requests
    `authority`: host that requests say they are for, instead of the endpoint's
    `max_request_bytes`: uncompressed bytes of a request
    """

    def __init__(
        self,
        *,
        endpoint: Any,
        tls: Any = ...,
        headers: Any = ...,
        compression: Literal["gzip", "none"] = ...,
        timeout: Any = ...,
        keepalive: Any = ...,
        balancer_name: Literal["round_robin", "pick_first"] = ...,
        authority: str = ...,
        max_request_bytes: int = ...,
    ) -> None: ...

class OtlpHttp(_OtlpHttp):
    """Records to an OTLP receiver over HTTP.

    `tls`: whom we trust, and who we say we are
    `timeout`: total time for one request
    `headers`: headers to add to every request, for example Authorization
    `proxy_url`: proxy to go through, http://[user:password@]host:port; the environment names none
    `max_conns_per_host`: connections at once, never over 64; 0 = 64
    `max_idle_conns`: connections kept open between requests; 0 = all
    `idle_conn_timeout`: a connection unused for longer is closed; 0 = never
    `disable_keep_alives`: a connection of its own for every request
    `endpoint`: base URL of the receiver (https://collector.example.com:4318), or a list; /v1/logs is added
    `logs_endpoint`: whole URL for logs, used as it is, or a list
    `encoding`: of requests: protobuf or JSON
    `compression`: of bodies over 1.5 KB
    `max_request_bytes`: uncompressed bytes of a request
    """

    def __init__(
        self,
        *,
        tls: Any = ...,
        timeout: Any = ...,
        headers: Any = ...,
        proxy_url: Any = ...,
        max_conns_per_host: int = ...,
        max_idle_conns: int = ...,
        idle_conn_timeout: Any = ...,
        disable_keep_alives: bool = ...,
        endpoint: Any = ...,
        logs_endpoint: Any = ...,
        encoding: Literal["proto", "json"] = ...,
        compression: Literal["gzip", "zstd", "none"] = ...,
        max_request_bytes: int = ...,
    ) -> None: ...

class SplunkHec(_SplunkHec):
    """Events to Splunk over the HTTP Event Collector.

    `index`, `source`, `sourcetype` and `host` are templates (`audit-{tenant.id}`). With fields in `index`, each index
    gets requests of its own, so that one that is not allowed holds nobody else.

    `endpoint`: base URL of the collector (https://splunk.example.com:8088), or the whole URL; or a list of them
    `token`: the HEC token
    `tls`: whom we trust, and who we say we are
    `timeout`: total time for one request
    `headers`: headers to add to every request
    `proxy_url`: proxy to go through, http://[user:password@]host:port; the environment names none
    `max_conns_per_host`: connections at once, never over 64; 0 = 64
    `max_idle_conns`: connections kept open between requests; 0 = all
    `idle_conn_timeout`: a connection unused for longer is closed; 0 = never
    `disable_keep_alives`: a connection of its own for every request
    `index`: index; unset: the token's default index
    `source`: source
    `sourcetype`: source type
    `host`: host; unset: the resource's host.name, else this machine
    `fields`: attributes to index beside the record id, the trace, tenant, agent, correlation and hash
    `schema`: cim: the normalised event and Splunk's CIM names; event: without them
    `product`: vendor, product and version, where the resource must not decide
    `compression`: of bodies over 1.5 KB
    `max_request_bytes`: uncompressed bytes of a request
    `max_event_bytes`: an event over it becomes a dead letter, unsent
    `ack`: indexer acknowledgement; off unless the block is there
    `health_check_enabled`: ask for its health before it is called well
    `health_path`: path to ask for its health; unset: /services/collector/health beside the events
    """

    def __init__(
        self,
        *,
        endpoint: Any,
        token: Any,
        tls: Any = ...,
        timeout: Any = ...,
        headers: Any = ...,
        proxy_url: Any = ...,
        max_conns_per_host: int = ...,
        max_idle_conns: int = ...,
        idle_conn_timeout: Any = ...,
        disable_keep_alives: bool = ...,
        index: Any = ...,
        source: Any = ...,
        sourcetype: Any = ...,
        host: Any = ...,
        fields: Any = ...,
        schema: Literal["cim", "event"] = ...,
        product: Any = ...,
        compression: Literal["gzip", "none"] = ...,
        max_request_bytes: int = ...,
        max_event_bytes: int = ...,
        ack: Any = ...,
        health_check_enabled: bool = ...,
        health_path: Any = ...,
    ) -> None: ...

class Syslog(_Syslog):
    """Events as syslog messages: RFC 5424 with structured data, RFC 3164, CEF, LEEF or JSON.

    `endpoint`: host name or address of the receiver
    `port`: port; unset: 6514 with TLS, else 514
    `network`: tcp, or udp for those who consent to losses
    `protocol`: header of the messages; unset: rfc3164 for rfc3164, cef and leef, else rfc5424
    `format`: what the messages are; unset: what `protocol` says, else rfc5424
    `cef`: for format cef
    `leef`: for format leef
    `preset`: format, framing and size as a product wants them
    `framing`: between messages over TCP; unset: octet_counting for rfc5424 and json, else lf
    `tls`: whom we trust, and who we say we are; on unless `insecure`
    `timeout`: total time to connect and to shake hands
    `facility`: facility by name or number; 13 is log audit
    `broadcast_emergencies`: severity 24 as emergency (0), which many receivers write to every terminal; else alert (1)
    `app_name`: APP-NAME or tag; unset: the product, else otelsiem
    `structured_data_id`: element of the structured data: a name and your enterprise number
    `bom`: a byte order mark before the message of rfc5424, as its letter wants
    `max_message_bytes`: a longer message is cut and says so; unset: 8000, over UDP 2048
    `product`: vendor, product and version, where the resource must not decide
    `confirm`: when a message counts as delivered, over TCP and TLS
    """

    def __init__(
        self,
        *,
        endpoint: str,
        port: Any = ...,
        network: Literal["tcp", "udp"] = ...,
        protocol: Any = ...,
        format: Any = ...,
        cef: Any = ...,
        leef: Any = ...,
        preset: Any = ...,
        framing: Any = ...,
        tls: Any = ...,
        timeout: Any = ...,
        facility: Any = ...,
        broadcast_emergencies: bool = ...,
        app_name: Any = ...,
        structured_data_id: str = ...,
        bom: bool = ...,
        max_message_bytes: Any = ...,
        product: Any = ...,
        confirm: Any = ...,
    ) -> None: ...

class Webhook(_Webhook):
    """Events to any JSON API: records in a format of your choice, or in a template of your own.

    `body` says how they travel: `array` ([…, …]), `lines` (one per line), `single` (a request for each).

    `url`: where to send; a query and a token in it are allowed, and never shown
    `tls`: whom we trust, and who we say we are
    `timeout`: total time for one request
    `headers`: headers to add to every request
    `proxy_url`: proxy to go through, http://[user:password@]host:port; the environment names none
    `max_conns_per_host`: connections at once, never over 64; 0 = 64
    `max_idle_conns`: connections kept open between requests; 0 = all
    `idle_conn_timeout`: a connection unused for longer is closed; 0 = never
    `disable_keep_alives`: a connection of its own for every request
    `method`: HTTP method
    `auth`: who we are: basic, bearer or header
    `body`: how records travel; unset: array, and single where there is a template
    `format`: format of a record, and of {{record}} in a template
    `template`: JSON with fields, for each record: {"text": "{{message}}"}
    `escape`: markup: &, < and > in the texts of a template as entities, for Slack
    `wrap`: key of an object around an array or a record: {"events": […]}
    `content_type`: media type; unset: application/json, application/x-ndjson for lines
    `signature`: HMAC signature of each request
    `idempotency_header`: header with a key that stays when a request is sent again, for example Idempotency-Key
    `success`: when a request has succeeded
    `failures`: where an answer names the records that it did not take
    `compression`: of bodies over 1.5 KB
    `max_records`: records of a request
    `max_request_bytes`: uncompressed bytes of a request
    `max_event_bytes`: an event over it becomes a dead letter, unsent
    `product`: vendor, product and version, where the resource must not decide
    `probe_method`: how to ask whether it is well; none: it is not asked
    `probe_url`: where to ask, where only 2xx is well; unset: url, if it answers
    """

    def __init__(
        self,
        *,
        url: Any,
        tls: Any = ...,
        timeout: Any = ...,
        headers: Any = ...,
        proxy_url: Any = ...,
        max_conns_per_host: int = ...,
        max_idle_conns: int = ...,
        idle_conn_timeout: Any = ...,
        disable_keep_alives: bool = ...,
        method: Literal["POST", "PUT", "PATCH"] = ...,
        auth: Any = ...,
        body: Any = ...,
        format: Literal["json", "ecs", "ocsf", "cef", "leef", "rfc5424", "rfc3164", "datadog"] = ...,
        template: Any = ...,
        escape: Literal["none", "markup"] = ...,
        wrap: Any = ...,
        content_type: Any = ...,
        signature: Any = ...,
        idempotency_header: Any = ...,
        success: Any = ...,
        failures: Any = ...,
        compression: Literal["gzip", "none"] = ...,
        max_records: int = ...,
        max_request_bytes: int = ...,
        max_event_bytes: Any = ...,
        product: Any = ...,
        probe_method: Literal["HEAD", "GET", "OPTIONS", "none"] = ...,
        probe_url: Any = ...,
    ) -> None: ...
