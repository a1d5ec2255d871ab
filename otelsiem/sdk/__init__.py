"""Floor 3: the only place that knows OpenTelemetry SDK classes. Filled by the library work."""
