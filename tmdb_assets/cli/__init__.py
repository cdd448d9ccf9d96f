"""The command `tmdb-assets`: its subcommands and what they share."""
