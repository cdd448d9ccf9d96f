"""The files that settings come from: `.env`, and one file for each secret that `NAME_FILE` names.

Docker and Kubernetes mount secrets as files, which no `docker inspect` and no `/proc/*/environ` shows.
"""

from __future__ import annotations

import errno
import re
from io import StringIO
from typing import TYPE_CHECKING, Any, get_args

from dotenv.parser import parse_stream
from pydantic import SecretStr
from pydantic_settings import PydanticBaseSettingsSource

from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.settings.folders import PROJECT_ROOT, expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic.fields import FieldInfo

SUFFIX = "_file"
LARGEST_SECRET_BYTES = 64 << 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SettingsError(ActionableError):
    """An environment variable has a value that cannot be used."""


def require_readable(path: Path) -> None:
    """Raise `SettingsError` for an `.env` that is there and is not text in UTF-8."""
    try:
        require_no_pipe(path)
        text = (content := path.read_bytes()).decode("utf-8-sig")
        bad = next((each.original for each in parse_stream(StringIO(text)) if each.error), None)
        fault = bad and f"has no NAME=value in line {bad.line + bad.string[: -len(bad.string.lstrip())].count(chr(10))}"
        fault = "has a NUL byte" if "\0" in text else fault
    except (FileNotFoundError, NotADirectoryError):
        fault = "is a link to a file that does not exist" if path.is_symlink() else None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = f"is not UTF-8 (line {line})"
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
    if fault is not None:
        raise SettingsError(f"{path} {fault}", action="Make it a text file in UTF-8 of lines NAME=value, or remove it")


def require_no_pipe(path: Path) -> None:
    """Raise `OSError` for a path whose reader would wait for a writer, for ever."""
    if path.is_fifo():
        raise OSError(errno.EINVAL, "it is a pipe")


class SecretFiles(PydanticBaseSettingsSource):
    """A source of settings: each secret whose `NAME_FILE` is among `variables` (names in lower case), from that file.

    A file is read only where no source before this one has the secret.
    Raises `SettingsError` for a file that cannot be used, and when `NAME` is set in the same place.
    """

    def __init__(self, settings: Any, variables: Mapping[str, str | None]) -> None:
        super().__init__(settings)
        self._variables = variables

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the field's file, None without one. Raises `SettingsError`."""
        value, path = (self._variables.get(f"{field_name}{end}") for end in ("", SUFFIX))
        if not path or SecretStr not in kinds(field.annotation):
            return None, field_name, False
        if value:
            name = field_name.upper()
            raise SettingsError(f"{name} and {name}_FILE are both set", action="Keep one of them", setting=name)
        if field_name in self.current_state:  # what outranks the file need not wait for it
            return None, field_name, False
        return _read_secret(f"{field_name}{SUFFIX}".upper(), path), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The secrets that have a file."""
        fields = self.settings_cls.model_fields.items()
        found = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: value for name, value in found.items() if value is not None}


def _read_secret(name: str, value: str) -> str:
    """The one line of text of a secret's file. Raises `SettingsError`, which names a path but never shows a content."""
    path = expand(value if value.startswith("~") else PROJECT_ROOT / value)
    try:
        require_no_pipe(path)
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET_BYTES + 1)
        text = content.decode("utf-8-sig").rstrip("\r\n")
        fault = "is empty" if not text.strip() else None
        fault = "has more than one line, or control characters" if _CONTROL.search(text) else fault
        fault = f"has more than {LARGEST_SECRET_BYTES >> 10} kB" if len(content) > LARGEST_SECRET_BYTES else fault
    except UnicodeDecodeError:
        fault = "is not UTF-8"
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
    except ValueError:
        fault = "is not the name of a file"
    if fault is None:
        return text
    # Someone may have put the secret itself there.
    shown = f"The file of {name}, {path}," if path.parent != PROJECT_ROOT and path.parent.is_dir() else name
    raise SettingsError(
        f"{shown} {fault}",
        action=f"Let {name} name a file of one line, the secret, that this user may read",
        setting=name,
    )


def kinds(annotation: Any) -> Iterator[Any]:
    """The type itself and every type inside it."""
    yield annotation
    for part in get_args(annotation):
        yield from kinds(part)
