"""What only graders have of each concept: hidden properties, truths, misconceptions, a reference and alternatives."""

__version__ = "0.1.0"
