"""Tests of parts together: real Postgres, real HTTP, processes of their own; folders as in the package."""
