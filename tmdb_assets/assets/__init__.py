"""The Dagster graph: one asset per table or view. Each is thin: it reads, calls a pure transform, and publishes.

An asset's key is its table's name; description, columns and contract check come from the table's declaration.
"""
