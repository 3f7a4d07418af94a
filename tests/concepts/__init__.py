"""Tests of contracts, misconceptions and the proofs of concepts."""
