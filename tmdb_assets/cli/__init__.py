"""The command `tmdb-assets`: one module a subcommand or what they share."""
