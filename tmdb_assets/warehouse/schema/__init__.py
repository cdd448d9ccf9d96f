"""The tables, declared once, and what is made of the declarations in Postgres."""
