"""The vocabulary of errors as data, for all rooms; imports none of them."""
