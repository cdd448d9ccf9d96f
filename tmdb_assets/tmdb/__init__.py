"""The source: TMDb over HTTP. Knows no Postgres and no Dagster.

`client` asks and retries, `route` is the way there, `pace` keeps the rate, `errors` says what went wrong and what
to do, `payload` makes an answer fit for Postgres, `discover` walks the pages of films by popularity and `slices` all of
them by release date, `changes` lists the films that changed on a day, `export` brings a day's popularity of every film
and `export_file` reads it.
"""
