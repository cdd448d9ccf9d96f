"""TMDb in, a star schema in Postgres out, every day, orchestrated and monitored with Dagster.

The map; the rooms are in the order in which data flows. docs/architecture.md says what each may import.

- `settings`, `partitions`: what a deployment can set; days as partitions, and the one clock.
- `errors`: an error as data: what happened, what was kept, what to do, when to retry.
- `tmdb`: the source. HTTP, rate limit, retries; the id export; the sandbox that replaces TMDb when there is no token.
- `fetch`: the steps that request what a day still lacks and store it in the raw tables.
- `transforms`: pure functions from payloads to rows and frames.
- `warehouse`: the destination. Tables declared once, loading, ledger, the Postgres server, Parquet export, backup.
- `tables`: your own tables, one file each.
- `assets`, `checks`: the Dagster graph: one asset per table or view, and checks across tables.
- `language`: texts in English and French, numbers and dates by locale.
- `charts`, `dashboard`, `viz`: from frames to pictures, the HTML page and the Streamlit app (optional extra).
- `orchestration`: jobs, schedule, sensors, gaps and alerts.
- `instance`: Dagster's storage and launcher, named in dagster.yaml; the guarded server of its UI.
- `definitions`: the only place where everything is wired together.
- `cli`: the command `tmdb-assets`, one module per subcommand.
"""
