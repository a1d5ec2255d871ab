"""Keys of the Collector's HTTP client (confighttp), which every exporter that speaks HTTP has there and here."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row
from otelsiem.destinations._settings import REFUSED as REFUSED_IN_TLS

_TUNED = "the exporter tunes its own connections"
_HTTP1 = "HTTP/1.1 is spoken: every service here understands it"
_COOKIES = "where acknowledgements need it, the cookie of a load balancer is returned"


def client(exporter: str) -> tuple[Row, ...]:
    """The rows for `exporters.<type>` whose settings are an `HttpClient`."""
    return (
        Row(f"{exporter}.timeout|headers|proxy_url", SAME),
        Row(f"{exporter}.max_conns_per_host|max_idle_conns|idle_conn_timeout|disable_keep_alives", SAME),
        Row(f"{exporter}.max_idle_conns_per_host", MAPPED, to="max_idle_conns"),
        Row(f"{exporter}.compression_params|read_buffer_size|write_buffer_size", ACCEPTED, _TUNED),
        Row(f"{exporter}.http2_read_idle_timeout|http2_ping_timeout|force_attempt_http2", ACCEPTED, _HTTP1),
        Row(f"{exporter}.cookies", ACCEPTED, _COOKIES),
        Row(f"{exporter}.middlewares", REFUSED, "not in this version; put a proxy between"),
        *tls(exporter, "write http:// in the endpoint"),
    )


def tls(exporter: str, insecure: str) -> tuple[Row, ...]:
    """The rows of its `tls` block (configtls)."""
    return (
        Row(f"{exporter}.tls.ca_file|cert_file|key_file|insecure_skip_verify|min_version|server_name_override", SAME),
        Row(f"{exporter}.tls.reload_interval", ACCEPTED, "files are read again when they change"),
        Row(f"{exporter}.tls.insecure", REFUSED, insecure),
        *(Row(f"{exporter}.tls.{key}", REFUSED, why) for key, why in REFUSED_IN_TLS.items()),
    )
