"""Floor 1: thresholds and correlation, folds over records. Filled by the alerts work."""
