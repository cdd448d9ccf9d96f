"""The source: TMDb over HTTP, without Postgres and without Dagster.

`client` sends requests over a `route`, within `limits`, and counts them in `stats`; `payload` reads and cleans the
answers, `errors` classifies the failures. `discover`, `slices` and `changes` request TMDb's lists page by page,
`export` downloads a day's id export, `sandbox` answers where there is no token.
"""
