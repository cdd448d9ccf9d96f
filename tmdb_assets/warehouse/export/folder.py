"""The folder of an export: one writer at a time, whole files or none, and the manifest that describes them.

A file is written as `.NAME.partial` in its place and renamed when complete; readers of Parquet folders skip names that
begin with a dot. The manifest is written last.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import orjson

from tmdb_assets.errors.problem import ActionableError, Retry

MANIFEST, LOCK = "manifest.json", ".lock"
MADE_BY, FORMAT = "tmdb-assets export", 1
OURS = re.compile(r"([a-z][a-z0-9_]*)(?:/[0-9]{4}-[0-9]{2})?\.parquet")


class ExportError(ActionableError):
    """An export could not be finished."""

    kept = "Complete files are kept; the manifest is unchanged"


class ExportRefusedError(ExportError):
    """The folder or the days cannot be used; nothing was written."""

    kept = "Nothing was written"


@dataclass(frozen=True)
class ExportedFile:
    """A file as the manifest lists it; `state` stands for the rows in the database that it was made from.

    `first_day` and `last_day` are ISO dates; None in files of tables that are not exported by month.
    """

    path: str
    table: str
    rows: int
    bytes: int
    sha256: str
    first_day: str | None
    last_day: str | None
    state: str


class Folder:
    """A folder that this process has locked; `earlier` are the files that its manifest lists, by path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._manifest = _read_manifest(root)
        known = {field.name for field in fields(ExportedFile)}
        listed = self._manifest.get("files", ()) if self._manifest.get("format") == FORMAT else ()
        # What is not listed as this release lists it is made again.
        self.earlier = {file["path"]: ExportedFile(**file) for file in listed if file.keys() == known}
        partials = (partial_of(Path(MANIFEST)), partial_of(Path("*.parquet")), partial_of(Path("*/*.parquet")))
        for partial in [found for pattern in partials for found in root.glob(str(pattern))]:
            partial.unlink()  # of an export that was killed

    def require_source(self, source: str) -> None:
        """Raise `ExportRefusedError` if the folder holds figures of another source: sample and real ones never mix."""
        found = self._manifest.get("source", source)
        if found != source:
            raise ExportRefusedError(
                f"{self.root} holds figures of {found}, and this export would write those of {source}",
                action="Name another folder, or delete that one",
            )

    def has_table(self, name: str) -> bool:
        """Whether the earlier export has files of this table."""
        return any(file.table == name for file in self.earlier.values())

    def has(self, file: ExportedFile) -> bool:
        """Whether the folder holds exactly this file."""
        path = self.root / file.path
        return path.is_file() and path.stat().st_size == file.bytes and _sha256(path) == file.sha256

    def write(self, name: str, fill: Callable[[Path], None]) -> tuple[bool, int, str]:
        """Let `fill` write a file and put it in its place; whether its content is new, its bytes and its SHA-256."""
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        partial = partial_of(path)
        try:
            fill(partial)
            size, digest = partial.stat().st_size, _sha256(partial)
            if path.is_file() and path.stat().st_size == size and _sha256(path) == digest:
                return False, size, digest
            with partial.open("rb") as written:
                os.fsync(written.fileno())
            partial.replace(path)
            return True, size, digest
        finally:
            partial.unlink(missing_ok=True)

    def finish(self, files: Iterable[ExportedFile], tables: Mapping[str, Any], about: Mapping[str, Any]) -> int:
        """Delete files that are no longer part of the export, write the manifest; return how many were deleted.

        Deleted are files that the earlier manifest lists, or an export of `tables` would have written. `tables` are
        described by name, the export by `about`.
        """
        listed = {file.path: file for file in files}
        removed = 0
        for path in sorted([*self.root.glob("*.parquet"), *self.root.glob("*/*.parquet")]):
            name = path.relative_to(self.root).as_posix()
            is_ours = OURS.fullmatch(name)
            if is_ours and name not in listed and (name in self.earlier or is_ours[1] in tables):
                path.unlink()
                removed += 1
        manifest = {
            "made_by": MADE_BY,
            "format": FORMAT,
            **about,
            "files": [asdict(each) for each in listed.values()],
            "tables": tables,
        }
        content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n"
        self.write(MANIFEST, lambda partial: _write(partial, content))
        return removed


def partial_of(path: Path) -> Path:
    """The name of a file until it is complete."""
    return path.with_name(f".{path.name}.partial")


def require_place(root: Path) -> None:
    """Raise `ExportRefusedError` where an export cannot be: a file, or a folder with the manifest of something else."""
    try:
        in_the_way = next((place for place in (root, *root.parents) if place.exists() and not place.is_dir()), None)
    except OSError as error:
        raise ExportRefusedError(
            f"{root} cannot be used ({error.strerror})", action="Name a folder where you may write"
        ) from None
    if in_the_way is not None:
        raise ExportRefusedError(f"{in_the_way} is not a folder", action="Name a folder; a missing one is created")
    _read_manifest(root)


@contextmanager
def locked(root: Path) -> Iterator[Folder]:
    """The folder, created if missing, locked until the block or the process ends.

    Raises `ExportRefusedError` as `require_place` does, and `ExportError` while another process exports into it or
    where it cannot be written.
    """
    import fcntl  # missing on Windows

    require_place(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / LOCK).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ExportError(
                    f"Another export is writing to {root}", kept="Nothing was written", retry=Retry.LATER
                ) from None
            yield Folder(root)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ExportError(
            f"The export to {root} could not be written ({reason})",
            action="Name a folder where you may write and where there is space",
        ) from error


def _read_manifest(root: Path) -> dict[str, Any]:
    path = root / MANIFEST
    try:
        manifest = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("made_by") != MADE_BY:
        raise ExportRefusedError(
            f"{path} is not that of an export", action="Name another folder, or move that file away"
        )
    return manifest


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
