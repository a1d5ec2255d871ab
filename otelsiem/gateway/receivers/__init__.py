"""Floor 3: how records come in. Each answers only after the journal said durable."""
