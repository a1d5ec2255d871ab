// The records of tests/peers/scenario.py with the JavaScript SDK: node send.mjs grpc|http|json PORT COUNT
import { ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';

const [transport, port, count] = process.argv.slice(2);
const packages = {
  grpc: '@opentelemetry/exporter-logs-otlp-grpc',
  http: '@opentelemetry/exporter-logs-otlp-proto',
  json: '@opentelemetry/exporter-logs-otlp-http',
};
const { OTLPLogExporter } = await import(packages[transport]);
const url = `http://127.0.0.1:${port}${transport === 'grpc' ? '' : '/v1/logs'}`;

const traced = trace.setSpanContext(ROOT_CONTEXT, {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  traceFlags: TraceFlags.SAMPLED,
});

function record(n) {
  const text = `n${n} Zoë ✓ "quoted"`;
  const even = n % 2 === 0;
  return {
    timestamp: [1767225600, n * 1_000_001],
    eventName: even ? 'audit.login' : 'audit.policy',
    severityNumber: even ? SeverityNumber.INFO : SeverityNumber.ERROR2,
    severityText: even ? 'info' : 'high',
    body: even ? text : { text, n },
    context: even ? ROOT_CONTEXT : traced,
    attributes: {
      'user.id': `u-${n}`,
      attempts: n,
      ratio: n + 0.25,
      mfa: even,
      roles: ['admin', 'ops'],
      details: { reason: 'line one\nline two', code: 7 },
    },
  };
}

const exporter = new OTLPLogExporter({ url, compression: 'gzip' });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ 'service.name': `node-${transport}`, 'service.namespace': 'peers' }),
  processors: [new BatchLogRecordProcessor({ exporter, maxQueueSize: 65536 })],
});
const logger = provider.getLogger('audit', '1');
for (let n = 0; n < Number(count); n++) logger.emit(record(n));
await provider.forceFlush();
await provider.shutdown();
