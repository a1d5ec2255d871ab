"""Floor 1: records to a SIEM's own language, one noun per file. Pure."""
