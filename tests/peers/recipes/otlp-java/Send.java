// The records of tests/peers/scenario.py with the Java SDK: java -cp 'libs/*' Send.java COUNT
// OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_RESOURCE_ATTRIBUTES say how and where (autoconfigure).
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.logs.LogRecordBuilder;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.List;
import java.util.concurrent.TimeUnit;

public class Send {
  static final Context TRACED =
      Context.root()
          .with(
              Span.wrap(
                  SpanContext.create(
                      "5b8efff798038103d269b633813fc60c",
                      "eee19b7ec3c1b174",
                      TraceFlags.getSampled(),
                      TraceState.getDefault())));

  static void emit(Logger logger, int n) {
    String text = "n" + n + " Zo\u00eb \u2713 \"quoted\"";
    LogRecordBuilder record =
        logger.logRecordBuilder().setTimestamp(1767225600_000000000L + n * 1_000_001L, TimeUnit.NANOSECONDS);
    if (n % 2 == 0) {
      record.setEventName("audit.login").setSeverity(Severity.INFO).setSeverityText("info").setBody(text);
    } else {
      record
          .setEventName("audit.policy")
          .setSeverity(Severity.ERROR2)
          .setSeverityText("high")
          .setBody(Value.of(KeyValue.of("text", Value.of(text)), KeyValue.of("n", Value.of(n))))
          .setContext(TRACED);
    }
    record
        .setAttribute(AttributeKey.stringKey("user.id"), "u-" + n)
        .setAttribute(AttributeKey.longKey("attempts"), (long) n)
        .setAttribute(AttributeKey.doubleKey("ratio"), n + 0.25)
        .setAttribute(AttributeKey.booleanKey("mfa"), n % 2 == 0)
        .setAttribute(AttributeKey.stringArrayKey("roles"), List.of("admin", "ops"))
        .setAttribute(
            AttributeKey.valueKey("details"),
            Value.of(
                KeyValue.of("reason", Value.of("line one\nline two")), KeyValue.of("code", Value.of(7))))
        .setAttribute(AttributeKey.longKey("big"), 9007199254740993L)
        .emit();
  }

  public static void main(String[] arguments) {
    var sdk = AutoConfiguredOpenTelemetrySdk.builder().disableShutdownHook().build().getOpenTelemetrySdk();
    Logger logger = sdk.getLogsBridge().loggerBuilder("audit").setInstrumentationVersion("1").build();
    for (int n = 0; n < Integer.parseInt(arguments[0]); n++) emit(logger, n);
    sdk.close();
  }
}
