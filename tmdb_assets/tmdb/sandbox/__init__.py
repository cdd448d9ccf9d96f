"""A stand-in for the TMDb API: sample films, served over loopback HTTP from this process."""
