"""Floor 3: health, metrics and the commands of the running gateway over HTTP."""
