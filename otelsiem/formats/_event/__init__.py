"""The normalised event written by columns: what HEC and JSON lines have in common."""
