// Command send emits the records of tests/peers/scenario.py with the Go SDK: send grpc|http PORT COUNT
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

func exporter(ctx context.Context, transport, address string) (sdklog.Exporter, error) {
	if transport == "grpc" {
		return otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(address), otlploggrpc.WithInsecure(),
			otlploggrpc.WithCompressor("gzip"))
	}
	return otlploghttp.New(ctx, otlploghttp.WithEndpoint(address), otlploghttp.WithInsecure(),
		otlploghttp.WithCompression(otlploghttp.GzipCompression))
}

func record(n int) otellog.Record {
	var r otellog.Record
	r.SetTimestamp(time.Unix(1767225600, int64(n)*1_000_001))
	text := fmt.Sprintf("n%d Zoë ✓ \"quoted\"", n)
	if n%2 == 0 {
		r.SetEventName("audit.login")
		r.SetSeverity(otellog.SeverityInfo)
		r.SetSeverityText("info")
		r.SetBody(attribute.StringValue(text))
	} else {
		r.SetEventName("audit.policy")
		r.SetSeverity(otellog.SeverityError2)
		r.SetSeverityText("high")
		r.SetBody(attribute.MapValue(attribute.String("text", text), attribute.Int("n", n)))
	}
	r.AddAttributes(
		attribute.String("user.id", fmt.Sprintf("u-%d", n)),
		attribute.Int("attempts", n),
		attribute.Float64("ratio", float64(n)+0.25),
		attribute.Bool("mfa", n%2 == 0),
		attribute.StringSlice("roles", []string{"admin", "ops"}),
		attribute.Map("details", attribute.String("reason", "line one\nline two"), attribute.Int("code", 7)),
		attribute.Int64("big", 9007199254740993),
	)
	return r
}

func main() {
	transport, address := os.Args[1], "127.0.0.1:"+os.Args[2]
	count, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	exp, err := exporter(ctx, transport, address)
	if err != nil {
		log.Fatal(err)
	}
	provider := sdklog.NewLoggerProvider(
		sdklog.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "go-"+transport), attribute.String("service.namespace", "peers"))),
		// More than the queue's 2,048 at once would be dropped in here, before anybody of ours saw them.
		sdklog.WithProcessor(sdklog.NewBatchProcessor(exp, sdklog.WithMaxQueueSize(65536))))
	logger := provider.Logger("audit", otellog.WithInstrumentationVersion("1"))
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    trace.TraceID{0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c},
		SpanID:     trace.SpanID{0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74},
		TraceFlags: trace.FlagsSampled,
	})
	for n := 0; n < count; n++ {
		if n%2 == 1 {
			logger.Emit(trace.ContextWithSpanContext(ctx, span), record(n))
		} else {
			logger.Emit(ctx, record(n))
		}
	}
	if err := provider.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
}
