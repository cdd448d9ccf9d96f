"""The daily id export: its download, and its file."""
