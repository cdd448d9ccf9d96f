"""How fast requests are sent, and for how long each is retried."""
