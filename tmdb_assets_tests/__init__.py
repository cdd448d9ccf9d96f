"""The tests, by what they need: `unit`, `graph`, `integration`, `ui`, in folders that mirror the package.

What they share is in four rooms: `stage` (what a test stands on), `fakes` (what stands in for the outside), `cases`
(what goes in) and `oracle` (what is right).
"""
