"""The oldest schema that can be upgraded: that of commit 57e0d79, before the first release.

It makes nothing: a new database is made from today's declarations, and an older one is refused.
"""

revision = "0003"
down_revision = None
