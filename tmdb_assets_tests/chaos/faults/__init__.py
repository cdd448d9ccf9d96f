"""The faults: each is a function of a trial that starts the command and does it harm."""
