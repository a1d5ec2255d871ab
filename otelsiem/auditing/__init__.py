"""Floor 3: events said directly, by one call, without the logging SDK."""
