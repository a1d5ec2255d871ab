"""The OpenTelemetry Collector's configuration, key by key, as data: what each one means here.

One file per section, and one for each exporter that is here; `collector.py` reads the `ROWS` of all of them.
"""
