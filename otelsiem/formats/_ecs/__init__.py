"""The parts of `formats/ecs.py`: documents of the Elastic Common Schema."""
