"""The OpenTelemetry Collector's configuration, key by key, as data: what each one means here. One file per section."""
