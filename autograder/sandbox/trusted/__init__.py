"""The grader's side: it holds the secrets and trusts nothing that comes from a worker."""
