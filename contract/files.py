"""The file modes that images are built with, whatever the umask of the checkout or the zip it came in.

Docker copies modes into the image: with a umask of 077 the image's own user could read nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM_STARTS = (b"#!", b"\x7fELF")
"""How a program begins: a script's first line, and the magic number of an ELF file."""
FOLDER_MODE = 0o755


def mode_of(path: Path) -> int:
    """Return the mode that a file's content asks for: 0755 for a program (`PROGRAM_STARTS`), else 0644."""
    with path.open("rb") as stream:
        return 0o755 if stream.read(max(map(len, PROGRAM_STARTS))).startswith(PROGRAM_STARTS) else 0o644
