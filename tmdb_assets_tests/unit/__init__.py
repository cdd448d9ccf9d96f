"""Tests without a database; folders as in the package."""
