"""Floor 1: OTLP bytes to records and back. Pure."""
