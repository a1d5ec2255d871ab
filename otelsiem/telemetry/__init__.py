"""Floor 2: our own metrics and log."""
