"""The warehouse saved and brought back."""
