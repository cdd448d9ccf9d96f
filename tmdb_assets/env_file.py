"""The file `.env` with a random password for everything that has one (`make env`), and the variables of Compose alone.

It needs nothing but Python: who runs the containers has no environment of the project.
"""

from __future__ import annotations

import re
import secrets
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PASSWORD_BYTES = 24  # of randomness

COMPOSE_VARIABLES = {
    "POSTGRES_PASSWORD": ("password of the superuser postgres: letters, digits, - and _", ""),
    "PGADMIN_EMAIL": ("whom pgAdmin lets in: an e-mail address", "admin@example.com"),
    "PGADMIN_PASSWORD": ("password of pgAdmin's page", ""),
    "POSTGRES_PORT": ("port on this machine of Postgres", "5432"),
    "WEBSERVER_PORT": ("port on this machine of the Dagster UI", "3000"),
    "PGADMIN_PORT": ("port on this machine of pgAdmin", "5050"),
    "VIZ_PORT": ("port on this machine of the Streamlit app", "8501"),
}
"""What docker-compose.yml reads beside the settings of the platform: meaning and default."""

PASSWORDS = ("WAREHOUSE_LOADER_PASSWORD", "WAREHOUSE_READER_PASSWORD", "POSTGRES_PASSWORD", "PGADMIN_PASSWORD")
"""The variables that get a random value."""


def compose_example() -> str:
    """The part of `.env.example` for Compose: every variable with its meaning and default, commented out."""
    lines = ["# For docker compose alone; make env writes a .env with random passwords.", ""]
    for name, (meaning, default) in COMPOSE_VARIABLES.items():
        lines += [f"# {meaning}", f"# {name}={default}", ""]
    return "\n".join(lines)


def fill(example: str) -> str:
    """The text of `.env.example` with a random value for each of `PASSWORDS`."""
    for name in PASSWORDS:
        line = f"{name}={secrets.token_urlsafe(PASSWORD_BYTES)}"
        example, count = re.subn(rf"^# {name}=$", line, example, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f".env.example does not name {name} once")
    return example


def write_env(folder: Path) -> str | None:
    """Write `.env`, readable by its owner alone; why not, in one line, where there is one already.

    Raises `FileNotFoundError` where `folder` has no `.env.example`.
    """
    path = folder / ".env"
    text = fill((folder / ".env.example").read_text(encoding="utf-8"))
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        given = re.findall(r"^(\w+)=.", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        lacking = [name for name in PASSWORDS if name not in given]
        what = f"it lacks {', '.join(lacking)} for docker compose: add them" if lacking else "it has all passwords"
        return f"{path} is there and was left as it is; {what}, or move it away and run make env again."
    path.write_text(text, encoding="utf-8")
    return None


def main() -> None:
    """Write `.env` in the project folder; exit code 2 where there is one."""
    if fault := write_env(CHECKOUT):
        sys.stderr.write(f"{fault}\n")
        raise SystemExit(2)
    sys.stdout.write(f"Wrote {CHECKOUT / '.env'} with random passwords, readable by you alone.\n")


if __name__ == "__main__":
    main()
