"""A class at once: its submissions read from an export, graded by warm graders, kept in a journal and a gradebook."""
