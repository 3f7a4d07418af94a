"""What only graders have of each concept: hidden properties, truths, misconceptions, a reference and alternatives."""
