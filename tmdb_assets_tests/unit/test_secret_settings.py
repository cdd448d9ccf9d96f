"""Values that may hold a secret: no error shows them, and no other program gets them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from tmdb_assets import settings as settings_module
from tmdb_assets.settings import Settings, SettingsError
from tmdb_assets.settings.files import kinds
from tmdb_assets.settings.programs import environment_without_secrets
from tmdb_assets_tests.cases.setting_values import CASES, SECRET, URLS_WITH_SECRETS


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


FILE_CASES = {
    "TMDB_TOKEN": SECRET,
    "WAREHOUSE_URL": f"postgresql://u:{SECRET}@h/db",
    "WAREHOUSE_READ_URL": f"postgresql://u:{SECRET}@replica/db",
    "WAREHOUSE_LOADER_PASSWORD": SECRET,
    "WAREHOUSE_READER_PASSWORD": SECRET,
    "ALERT_WEBHOOK_URL": f"https://hooks.example/{SECRET}",
    "DIGEST_WEBHOOK_URL": f"https://hooks.example/{SECRET}",
    "CELERY_BROKER_URL": f"redis://:{SECRET}@h:6379/0",
}


def test_every_secret_can_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {name.upper() for name, field in Settings.model_fields.items() if SecretStr in kinds(field.annotation)}
    assert secrets == FILE_CASES.keys()
    for name, text in FILE_CASES.items():
        (tmp_path / name).write_text(f"{text}\r\n", encoding="utf-8-sig")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    read = Settings.load()
    assert {name: getattr(read, name.lower()).get_secret_value() for name in FILE_CASES} == FILE_CASES
    assert SECRET not in repr(read)


def test_the_environment_outranks_env_files_in_both_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("of-a-file")
    (tmp_path / ".env").write_text(f"TMDB_TOKEN_FILE={tmp_path / 'token'}\nALERT_WEBHOOK_URL=http://h/plain\n")
    (tmp_path / "hook").write_text("http://h/of-a-file")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    monkeypatch.setenv("ALERT_WEBHOOK_URL_FILE", str(tmp_path / "hook"))
    read = Settings.load()
    assert read.tmdb_token == SecretStr("of-a-file")
    assert read.alert_webhook_url == SecretStr("http://h/of-a-file")
    monkeypatch.setenv("TMDB_TOKEN", "plain")
    assert Settings.load().tmdb_token == SecretStr("plain")
    assert Settings.load(tmdb_token="argument").tmdb_token == SecretStr("argument")
    (tmp_path / "token").unlink()
    assert Settings.load().tmdb_token == SecretStr("plain"), "nobody needs the file"
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "http://h/plain")
    with pytest.raises(SettingsError, match=r"^ALERT_WEBHOOK_URL and ALERT_WEBHOOK_URL_FILE are both set\. Keep one"):
        Settings.load()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("folder", "cannot be read (Is a directory)"),
        ("pipe", "cannot be read (it is a pipe)"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (f"{SECRET}\n{SECRET}\n".encode(), "has more than one line, or control characters"),
        (f"{SECRET}\0".encode(), "has more than one line, or control characters"),
        (f"{SECRET}é".encode("latin-1"), "is not UTF-8"),
        (SECRET.encode() * 10_000, "has more than 64 kB"),
    ],
)
def test_a_secrets_file_that_cannot_be_used_is_named(content, fault, tmp_path, monkeypatch):
    path = tmp_path / "token"
    if content == "folder":
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    elif content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("TMDB_TOKEN_FILE", str(path))
    with pytest.raises(SettingsError) as raised:
        Settings.load()
    assert str(raised.value).startswith(f"The file of TMDB_TOKEN_FILE, {path}, {fault}. Let TMDB_TOKEN_FILE name")
    assert SECRET not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__cause__ is None


@pytest.mark.parametrize(
    "text", [SECRET, f"postgresql://u:{SECRET}@h/db", f"{SECRET}\udcff", f"/{SECRET}/B0/x", "a" * 999]
)
def test_a_secret_in_place_of_its_files_name_is_not_shown(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL_FILE", text)
    with pytest.raises(SettingsError, match=r"^WAREHOUSE_URL_FILE cannot be read \(") as raised:
        Settings.load()
    assert SECRET not in str(raised.value)


def test_an_invalid_secret_in_a_file_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text(f"mysql://u:{SECRET}@h/db")
    monkeypatch.setenv("WAREHOUSE_URL_FILE", str(tmp_path / "url"))
    with pytest.raises(SettingsError, match=r"^WAREHOUSE_URL in the file of WAREHOUSE_URL_FILE is not valid") as raised:
        Settings.load()
    assert SECRET not in str(raised.value)
