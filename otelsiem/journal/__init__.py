"""Floor 2: the durable log that is the only queue."""
