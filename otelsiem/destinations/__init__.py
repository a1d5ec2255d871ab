"""Floor 1: one file per service, found by name: `type: splunk_hec` is `splunk_hec.py`. Pure."""
