"""Floor 2: one request performed, one reply returned, never an exception."""
