"""The parts of `formats/ocsf.py`: events of the Open Cybersecurity Schema Framework."""
