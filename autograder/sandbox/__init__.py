"""Running code that nobody trusts, in three rooms: the grader's side, the worker's side, and what both speak."""
