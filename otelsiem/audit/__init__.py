"""Floor 3: the direct call. Filled by the library work."""
