"""What every error of this package says: one vocabulary for all rooms, with no imports of its own from them."""
