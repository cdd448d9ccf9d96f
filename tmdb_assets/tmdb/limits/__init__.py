"""How fast and how often TMDb is asked."""
