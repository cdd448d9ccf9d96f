"""The destination: knows Postgres, knows no HTTP.

A table is declared once (`raw`, `dimensions`, `bridges`, `fact`) with the vocabulary of `columns`; what is created,
checked, merged, shown and documented about it is derived from that declaration.
"""
