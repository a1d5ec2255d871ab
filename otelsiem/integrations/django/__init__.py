"""Floor 3: the hook for Django. An app (signals), and a middleware beside it."""
