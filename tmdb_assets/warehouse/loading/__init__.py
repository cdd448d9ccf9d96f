"""Frames into tables: contract, staging, merge, the latest state."""
