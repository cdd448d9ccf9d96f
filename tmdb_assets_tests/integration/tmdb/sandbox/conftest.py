"""A running sandbox over a small sample; a module can override `sample`."""

import pytest

from tmdb_assets_tests.cases.sandbox_sample import make_sandbox, write_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def running(sample):
    with make_sandbox(sample) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def url(running):
    return running.start()
