"""Rules for a build context, which the pipeline gets from its source archive."""

from __future__ import annotations

import os
import re
from pathlib import Path

from infra import build_context
from infra.config import source_archive

BELOW = "set a folder below that of Pulumi.yaml"


def problem(root: Path, context: str, dockerfile: str) -> str | None:
    """Return what is wrong with a build context, as `RULE; REMEDY`; None if the pipeline gets all of it.

    Args:
        root: the folder of Pulumi.yaml.
        context: the folder of the build context, relative to it.
        dockerfile: path of the Dockerfile in it.
    """
    try:
        folder = (root / context).resolve()
        if root not in folder.parents:
            return f"it is outside the project, of which the pipeline builds; {BELOW}"
        if folder != Path(os.path.normpath(root / context)):
            rule = "it leads through a symbolic link, which the pipeline's source archive stores as text"
            return f"{rule}; set the folder itself"
        files = list(build_context.context_files(folder)) if folder.is_dir() else []
        if not files:
            return f"there is no file to build an image from; {BELOW}"
        return source_archive.problem(root, folder, files, (dockerfile, ".dockerignore"))
    except (OSError, ValueError, RuntimeError, re.error) as error:
        return f"it cannot be read ({' '.join(str(error).split())}); correct the path or its mode"
