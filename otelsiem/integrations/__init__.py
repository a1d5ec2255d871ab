"""Floor 3: framework hooks. Filled by the library work."""
