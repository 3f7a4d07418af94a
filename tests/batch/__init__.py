"""Tests of a batch: a class at once."""
