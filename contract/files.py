"""The file modes of build contexts, independent of the checkout's umask and of CodePipeline's zip files.

Docker copies modes into the image: with a umask of 077 the image's user could not read its files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT, ELF = b"#!", b"\x7fELF"
PROGRAM_STARTS = (SCRIPT, ELF)
"""First bytes of executables: of a script, and the magic number of an ELF file."""
FOLDER_MODE = 0o755


def mode_of(path: Path) -> int:
    """Return the mode for a file by its content: 0755 for an executable (`PROGRAM_STARTS`), otherwise 0644."""
    with path.open("rb") as stream:
        return 0o755 if stream.read(max(map(len, PROGRAM_STARTS))).startswith(PROGRAM_STARTS) else 0o644
