"""The schema of the oldest database that can be brought up: that of commit 57e0d79, before the first release.

It makes nothing. A new database is made from today's declarations, and one that is older than this is refused.
"""

revision = "0003"
down_revision = None
