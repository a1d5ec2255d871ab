"""The parts of `formats/console.py`."""
