"""Checks across tables: does the loaded data fit together, and is it there? Each is a query and a text with advice."""
