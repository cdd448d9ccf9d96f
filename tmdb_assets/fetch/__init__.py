"""From the API to the raw tables: what a day still lacks is requested and stored."""
