"""The dashboard: one self-contained HTML page, built from frames; `page/` runs in the browser. No Dagster, no SQL."""
