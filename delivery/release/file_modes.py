"""File modes of a build's source: those that the files' contents ask for, whatever a zip or a umask has left of them.

CodePipeline's zip of a repository does not keep the executable bit (its user guide, "Troubleshooting"), a checkout has
the umask of whoever made it, and Docker puts both into the image. `infra` gives a first image the same modes.
"""

from __future__ import annotations

import os
from pathlib import Path

from contract.files import FOLDER_MODE, mode_of

GIT = ".git"


def in_build() -> bool:
    """Tell whether this runs in CodeBuild, whose source folder is the build's own."""
    return "CODEBUILD_BUILD_ID" in os.environ


def settle(context: Path) -> None:
    """Set the modes of everything in an image's build context; links are left alone.

    Args:
        context: the folder. Files become 0644, programs (scripts with a `#!` line, ELF files) 0755, folders 0755.
    """
    for folder, folders, files in os.walk(context):
        folders[:] = [name for name in folders if name != GIT]
        Path(folder).chmod(FOLDER_MODE)
        for path in (Path(folder, name) for name in files):
            if path.is_file() and not path.is_symlink():
                path.chmod(mode_of(path))
