"""TMDb in, a star schema in Postgres out, every day, run and watched through Dagster.

The map of the package; the folders stand in the order in which the data flows:

- `settings`, `partitions`: what a deployment may set; the day as a partition.
- `tmdb`: the source. HTTP, pace and retries; the sandbox that answers when there is no token.
- `transforms`: pure functions from the API's payloads to rows and frames.
- `warehouse`: the destination. Tables declared once, contracts, loading, the embedded server.
- `tables`: tables of your own, a file each.
- `assets`, `checks`: the Dagster graph: one asset a table or view, and the checks across tables.
- `charts`: frames to pictures.
- `viz`: the Streamlit app on the same pictures (optional extra), read-only.
- `automation`, `definitions`: jobs, the schedule, and the one place where all is wired together.
- `cli`: the command `tmdb-assets`; `day_run` and `run_process` run days in its process, `console` and `progress` show
  them, `ui` runs the Dagster UI as its child.
"""
