"""The steps by which a warehouse of an earlier release becomes one of this release (Alembic).

A step is frozen: it says what was changed then, in its own words, and never reads today's declarations. A new warehouse
takes no steps; it is made from the declarations (`schema.ddl`) and marked as being at `HEAD`. A step's `downgrade` is
only for new, empty databases: it gives their tables the columns that the rows of an older backup fit.
"""

HEAD = "0004"
"""The newest step; a test compares it with the steps that are there."""
