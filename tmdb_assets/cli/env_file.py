"""`.env` with random passwords (`make env`), and `.env.example` (`make schema`).

Writing `.env` needs only Python: someone who runs just the containers has not installed the project.
"""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PASSWORD_BYTES = 24  # of randomness

COMPOSE_VARIABLES = {
    "POSTGRES_PASSWORD": ("password of the superuser postgres: letters, digits, - and _", ""),
    "PGADMIN_EMAIL": ("log-in of pgAdmin: an e-mail address", "admin@example.com"),
    "PGADMIN_PASSWORD": ("password of pgAdmin's page", ""),
    "REDIS_PASSWORD": ("password of the Redis of docker-compose.scale.yml: letters, digits, - and _", ""),
    "POSTGRES_PORT": ("port on this machine of Postgres", "5432"),
    "WEBSERVER_PORT": ("port on this machine of the Dagster UI", "3000"),
    "PGADMIN_PORT": ("port on this machine of pgAdmin", "5050"),
    "VIZ_PORT": ("port on this machine of the Streamlit app", "8501"),
}
"""What the Compose files read in addition to the settings of the platform: meaning and default."""

PASSWORDS = (
    "WAREHOUSE_LOADER_PASSWORD",
    "WAREHOUSE_READER_PASSWORD",
    "POSTGRES_PASSWORD",
    "PGADMIN_PASSWORD",
    "REDIS_PASSWORD",
)
"""The variables that get a random value."""


def env_example() -> str:
    """The text of `.env.example`: every setting and Compose variable, with meaning and default, commented out."""
    from tmdb_assets.settings import Settings
    from tmdb_assets.settings.thresholds import Thresholds

    def line(meaning: str | None, name: str, default: object) -> list[str]:
        return [f"# {meaning}", f"# {name}={'' if default is None else default}", ""]

    lines = ["# Copy to .env and change what you need. Every variable is optional."]
    lines += ["# A secret can be in a file: TMDB_TOKEN_FILE names the one of TMDB_TOKEN (docs/deploy.md, Secrets).", ""]
    # The thresholds, which few change, come last.
    fields = sorted(Settings.model_fields.items(), key=lambda item: item[0] in Thresholds.model_fields)
    for name, field in fields:
        lines += line(field.description, name.upper(), field.default)
    lines += ["# For docker compose only; make env writes a .env with random passwords.", ""]
    for name, (meaning, default) in COMPOSE_VARIABLES.items():
        lines += line(meaning, name, default)
    return "\n".join(lines)


def fill(text: str) -> tuple[str, list[str]]:
    """Give each of `PASSWORDS` that has no value in `text` a random one; the new text, and the names of these.

    An empty line of the variable, commented out or with `export`, gets the value; without one, a line is added at the
    end.
    """
    filled = []
    for name in PASSWORDS:
        given = rf"(?:export[ \t]+)?{name}[ \t]*="
        if re.search(rf"^[ \t]*{given}[ \t]*(?!\s|#|''|\"\")", text, flags=re.MULTILINE):
            continue
        line = f"{name}={secrets.token_urlsafe(PASSWORD_BYTES)}"
        empty = rf"^[ \t]*(?:#[ \t]*)?{given}[ \t]*(?:''|\"\")?[ \t]*(?:#.*)?$"
        text, count = re.subn(empty, line, text, count=1, flags=re.MULTILINE)
        if not count:
            text = f"{text.rstrip()}\n{line}\n".lstrip()
        filled.append(name)
    return text, filled


def write_env(folder: Path) -> str:
    """Write `.env`, readable only by its owner, or add missing passwords; return one line that says what was done.

    Raises `FileNotFoundError` when `folder` has neither `.env` nor `.env.example`.
    """
    path = (folder / ".env").resolve()  # a symbolic link is kept
    is_there = path.exists()
    text, filled = fill((path if is_there else folder / ".env.example").read_text(encoding="utf-8"))
    if not filled:
        return f"{path} has all passwords and was not changed."
    made = path.with_name(f"{path.name}.new")
    made.unlink(missing_ok=True)
    made.touch(mode=0o600, exist_ok=False)
    made.write_text(text, encoding="utf-8")
    made.replace(path)
    if is_there:
        return f"Added random passwords to {path}, now readable only by you: {', '.join(filled)}."
    return f"Wrote {path} with random passwords, readable only by you."


def main() -> None:
    """Write `.env` in the project folder; with `--example`, print `.env.example` instead."""
    try:
        sys.stdout.write(env_example() if sys.argv[1:] == ["--example"] else f"{write_env(CHECKOUT)}\n")
    except UnicodeDecodeError:
        sys.exit(f"{CHECKOUT / '.env'} is not UTF-8. Make it a text file in UTF-8, or move it away.")
    except OSError as error:
        sys.exit(f"{error.filename} cannot be used ({error.strerror}).")


if __name__ == "__main__":
    main()
