"""Measurements over many seeds: calibration, power, margins of training, trivial methods."""
