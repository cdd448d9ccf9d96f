"""The ledger: what was requested, and what is still due."""
