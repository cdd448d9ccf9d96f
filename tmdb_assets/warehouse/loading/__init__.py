"""Loads frames into tables: contract, staging, merge, latest state."""
