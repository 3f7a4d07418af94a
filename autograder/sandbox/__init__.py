"""Running code that nobody trusts: wire, jail, zygote, worker, loading, remote."""
