"""Keys of the Collector's `file` exporter."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row

FILE = "exporters.file"

ROWS: tuple[Row, ...] = (
    Row(f"{FILE}.path", SAME),
    Row(f"{FILE}.format", SAME, "json: one normalised event a line, not OTLP; ecs, ocsf, cef, leef … are ours"),
    Row(f"{FILE}.rotation.max_megabytes", SAME),
    Row(f"{FILE}.rotation.max_backups", SAME, "0, the default, keeps all of them; the Collector keeps 100"),
    Row(f"{FILE}.rotation.max_days", MAPPED, "it begins a new file and deletes none", to="rotation.max_age"),
    Row(f"{FILE}.rotation.localtime", ACCEPTED, "the names of rotated files are in UTC"),
    Row(f"{FILE}.append", ACCEPTED, "it always appends"),
    Row(f"{FILE}.flush_interval", ACCEPTED, "a batch counts as written when it is on the disk"),
    Row(f"{FILE}.create_directory|directory_permissions", ACCEPTED, "a missing directory is made, mode 0750"),
    Row(f"{FILE}.compression|compression_params", REFUSED, "write rotation: {compression: gzip}"),
    Row(f"{FILE}.encoding", REFUSED, "write format: json, ecs, ocsf, cef, leef …"),
    Row(f"{FILE}.group_by", REFUSED, "not in this version; use several file exporters, each with its `match`"),
)  # fmt: skip
