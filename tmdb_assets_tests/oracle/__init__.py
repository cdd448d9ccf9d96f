"""What is correct: the tables computed without the package, and their comparison with those of a database."""
