"""Checks across tables: does what was loaded fit together, and is it there at all?

Each check is a query and a sentence; its text says what to do when it fails.
"""
