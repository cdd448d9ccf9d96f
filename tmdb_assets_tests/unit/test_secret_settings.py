"""Values that may hold a secret: no error shows them, and no other program gets them."""

from __future__ import annotations

import pytest
from pydantic import Field

from tmdb_assets import settings as settings_module
from tmdb_assets.settings import Settings, SettingsError
from tmdb_assets.warehouse.server.libpq import environment_without_secrets
from tmdb_assets_tests.unit.test_settings import CASES, SECRET, URLS_WITH_SECRETS


@pytest.mark.parametrize(
    "name", ["TMDB_PAGES", "TMDB_LANGUAGE", "TMDB_RATE_LIMIT", "TMDB_FIRST_DAY", "UI_ALLOWED_HOSTS"]
)
@pytest.mark.parametrize("text", [url for url in URLS_WITH_SECRETS if url != SECRET])
def test_an_address_in_the_wrong_variable_is_not_shown(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError, match=rf"^{name} is not valid\. Expected: ") as raised:
        Settings.load()
    assert SECRET not in str(raised.value)


def test_every_text_without_a_declared_form_counts_as_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(Settings):
        mirror_url: settings_module.HttpUrl = Field("http://h", description="an http(s) URL")

    monkeypatch.setattr(settings_module, "Settings", Later)
    with pytest.raises(SettingsError, match=r"^MIRROR_URL is not valid\. Expected: an http\(s\) URL\.$"):
        Later.load(mirror_url=SECRET)


def test_other_programs_get_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [*CASES, "POSTGRES_PASSWORD", "PGADMIN_PASSWORD", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"]
    for name in [*secrets, "PATH", "LANG"]:
        monkeypatch.setenv(name, SECRET)
    given = environment_without_secrets()
    assert sorted(name for name, value in given.items() if value == SECRET) == ["LANG", "PATH"]
