"""Mutants: small faults put into the package one by one, each of which a test must notice. `make mutants`, by hand.

A tool of our own, because each run of our tests needs a Postgres and two seconds of imports: here every mutant of
Python is a fork of one process that has the libraries loaded, on one server, and runs only the tests declared for its
file. All mutants of SQL share a process, whose databases are loaded once.

- `python_code`, `sql_text`: the mutants of a file. `targets`: the files, and the tests that must notice.
- `runner`: runs the tests in a fork with one mutant; `sql_runner`: with one mutant of SQL after the other.
- `survivors`, `sql_survivors`: those that may live, and why.
- `report`, `__main__`: docs/mutants.json, its part of docs/reliability.md, the command.
"""
