"""What was requested of the API, and what is still owed."""
