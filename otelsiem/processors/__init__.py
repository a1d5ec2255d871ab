"""Floor 1: what the door does to a batch before the journal, one verb per file. Pure."""
