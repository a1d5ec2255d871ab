"""Floor 3: framework hooks, each imported by its own name, since each needs its framework."""
