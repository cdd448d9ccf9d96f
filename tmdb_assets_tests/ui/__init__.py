"""Tests in a real browser: the Dagster UI, the dashboard and the Streamlit app."""
