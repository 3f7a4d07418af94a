"""Build, distribute and grade assignments on deep generative models."""

__version__ = "0.1.0"
