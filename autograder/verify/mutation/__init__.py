"""Variants of the reference, and what grading finds of each: mutants, alternatives, claims of equivalence."""
