"""The pictures, declared once: used by the report assets, the Streamlit app and `make pictures`.

Importing this room imports neither pandas nor Altair.

picture.py
    `Picture`: a name, what it shows, its query (`sql/pictures/`), its chart, its figures as a table; `read_frame`.
registry.py
    `PICTURES` by name, and `REPORTS`: which of them share an asset.
tables.py
    How a picture's figures are arranged as a table.
"""

from tmdb_assets.pictures.picture import Picture, read_frame, read_newest_day
from tmdb_assets.pictures.registry import PICTURES, REPORTS, Report

__all__ = ["PICTURES", "REPORTS", "Picture", "Report", "read_frame", "read_newest_day"]
