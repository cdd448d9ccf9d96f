"""The Dagster graph: one asset a table or view, in the order of the data: read, transform, publish.

An asset's key is its table's name; description, columns and contract check come from the table's declaration.
"""
