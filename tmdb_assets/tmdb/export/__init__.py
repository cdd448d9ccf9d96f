"""The daily id export: download it, read it."""
