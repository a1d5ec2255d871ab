"""The parts of `formats/datadog.py`."""
