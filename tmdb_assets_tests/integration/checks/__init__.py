"""Checks against real Postgres."""
