"""Floor 4: what a person types, checked whole before anything starts."""
