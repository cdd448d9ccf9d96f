"""Mutants: small faults put into the package one by one, each of which a test must notice. `make mutants`, by hand.

A tool of our own, because each run of our tests needs a Postgres and two seconds of imports: here every mutant of
Python is put into a fork of one process that has run the tests declared for its file, and runs only those that come to
its statement. All mutants of SQL share a process, whose databases are loaded once.

- `python_code`, `sql_text`: the mutants of a file. `targets`: the files, and the tests that must notice.
- `python_runner`: tries a file's mutants in forks, `in_place` puts them in; `runner`: runs tests that import a mutant;
  `sql_runner`: with one mutant of SQL after the other.
- `survivors`, `sql_survivors`: those that may live, and why.
- `report`, `__main__`: docs/mutants.json, its part of docs/reliability.md, the command.
"""
