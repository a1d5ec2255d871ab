"""otelsiem: audit events as OpenTelemetry log records, delivered to every SIEM, none lost."""

__version__ = "0.1.0"
