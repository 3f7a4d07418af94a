"""The proof of reparameterised sampling."""
