"""What many assignments ask for: one folder for each concept, with its contract and its public properties."""
