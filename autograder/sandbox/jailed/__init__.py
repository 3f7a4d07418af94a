"""The worker's side: it runs the submission and knows nothing that is secret."""
