"""Minimizing functions with all of the data at once."""
