"""Dagster's names for a run's tags, which it does not export: the one place that imports them.

The rest of the package takes what `dagster` exports itself.
"""

from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    GRPC_INFO_TAG,
    PARTITION_NAME_TAG,
    RUN_KEY_TAG,
    SENSOR_NAME_TAG,
    WILL_RETRY_TAG,
)

__all__ = [
    "AUTO_RETRY_RUN_ID_TAG",
    "GRPC_INFO_TAG",
    "PARTITION_NAME_TAG",
    "RUN_KEY_TAG",
    "SENSOR_NAME_TAG",
    "WILL_RETRY_TAG",
]
