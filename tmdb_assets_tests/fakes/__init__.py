"""What stands in for the outside: the TMDb API with its faults, servers of scripted answers, time."""
