"""The images and the compose files in a real engine: `make test-images`, by hand and in CI, not in `make test`.

- `run.sh`: builds the images, and runs the tests; where no engine answers, with one of its own.
- `engine.sh`, `stand_ins.sh`, `postgres_entrypoint.sh`, `pgadmin_entrypoint.sh`: such an engine on Debian, and
  stand-ins for the images of others where no registry is reachable.
- `in_containers`, `workers_in_containers`: the tests, called by name as pytest does not collect them.
- `compose`, `platform`: the services they look at.
"""

import pytest

pytest.register_assert_rewrite("tmdb_assets_tests.images.compose", "tmdb_assets_tests.images.platform")
