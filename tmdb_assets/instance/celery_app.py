"""The app of Celery's workers: the broker and the queue of `ChosenRunLauncher`, a run a task.

    celery --app tmdb_assets.instance.celery_app worker --concurrency 1

Dagster's own app has another result backend than a launcher with Redis, which then takes live runs for dead.
"""

from __future__ import annotations

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from tmdb_assets.instance.chosen import QUEUE, celery_configuration
from tmdb_assets.settings import get_settings

_shared = celery_configuration(get_settings())
del _shared["default_queue"]
app = make_app({**_shared, "task_default_queue": QUEUE})  # type: ignore[no-untyped-call]
execute_run = create_execute_job_task(app)
resume_run = create_resume_job_task(app)
