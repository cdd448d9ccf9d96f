"""The warehouse saved to a file, and restored from it.

`dump` writes the file, `archive` reads its rows, `restore` loads them into a new database, and `successor` gives that
database the warehouse's name. `programs` finds and runs pg_dump and pg_restore.
"""
