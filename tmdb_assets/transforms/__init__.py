"""Pure functions from payloads to rows and frames. No Dagster, SQLAlchemy or HTTP here.

`parse_*` functions read payloads and rename TMDb's fields once; "" and 0, which TMDb writes for unknown, become None.
They never raise on an unexpected value: it stays in the row, and `conform` rejects that row with its reason.
"""
