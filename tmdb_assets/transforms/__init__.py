"""Pure functions from payloads to rows and frames; they import neither dagster nor sqlalchemy.

`parse_*` functions read payloads and rename TMDb's fields, once; what TMDb writes as "" or 0 for unknown becomes None.
They never fail on a strange value: it stays in the row, and `conform` rejects that row with its reason.
"""
