"""The grader's side: it holds the secrets and believes nothing that comes from a worker."""
