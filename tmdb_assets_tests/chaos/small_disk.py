"""A small file system in memory, and a ballast that fills it."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

SIZE = "320m"


class NoSmallDiskError(Exception):
    """This user may not mount a file system."""


class SmallDisk:
    """Mounted until `end`. Raises `NoSmallDiskError`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / "ballast"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(folder)]
        if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
            raise NoSmallDiskError("a full disk needs the right to mount a small file system (root)")

    def fill(self, leave: int) -> None:
        """Leave that many bytes."""
        with self._ballast.open("ab") as ballast, suppress(OSError):
            while (free := self.free) > leave:
                ballast.write(bytes(min(free - leave, 1 << 22)))
                ballast.flush()

    def empty(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)

    @property
    def free(self) -> int:
        """The bytes that are left."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def end(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", str(self.folder)], check=False, capture_output=True)
