"""Networks: exposed models that record calls, untrained ones, and short trainings with their data and device."""
