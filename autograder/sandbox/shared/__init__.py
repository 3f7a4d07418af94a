"""The language of both sides: frames, values, and what either asks of the machine."""
