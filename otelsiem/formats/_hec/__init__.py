"""The parts of `formats/hec.py`: envelopes for Splunk."""
