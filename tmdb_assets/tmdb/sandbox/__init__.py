"""A look-alike of the API with sample films, served in this process."""
