"""Fakes of the outside world: the TMDb API with its faults, servers of scripted answers, time."""
