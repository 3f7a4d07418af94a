"""The proof of the loss of a model that predicts noise."""
