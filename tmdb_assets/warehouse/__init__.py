"""Everything that knows Postgres; no HTTP.

A table is declared once, in `schema`; what is created, checked, merged, shown and documented about it is derived from
that declaration.
"""
