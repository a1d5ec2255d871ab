"""Floor 1: the rules of delivery: retry, split, bisect, hold, blame. Pure: time and randomness come in as values."""
