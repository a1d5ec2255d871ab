from otelsiem.adapter import OperatorError as OperatorError
from otelsiem.adapter import PermanentError as PermanentError
from otelsiem.adapter import RetryError as RetryError
from otelsiem.adapter import SiemAdapter as SiemAdapter
from otelsiem.audit.context import bind as bind
from otelsiem.destinations.datadog import Datadog as Datadog
from otelsiem.destinations.elasticsearch import Elasticsearch as Elasticsearch
from otelsiem.destinations.file import File as File
from otelsiem.destinations.kafka import Kafka as Kafka
from otelsiem.destinations.opensearch import Opensearch as Opensearch
from otelsiem.destinations.otlp import Otlp as Otlp
from otelsiem.destinations.otlp_http import OtlpHttp as OtlpHttp
from otelsiem.destinations.splunk_hec import SplunkHec as SplunkHec
from otelsiem.destinations.syslog import Syslog as Syslog
from otelsiem.destinations.webhook import Webhook as Webhook
from otelsiem.sdk.exporter import SiemLogExporter as SiemLogExporter
from otelsiem.sdk.processor import AuditLogRecordProcessor as AuditLogRecordProcessor

__version__: str
_LAZY: dict[str, str]
