"""Floor 0, words: the values every other folder speaks in."""
