"""What is right: the tables computed apart from the package, and how they are compared with those of a database."""
