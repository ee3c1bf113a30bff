"""The Makefile's programs start with nothing but what the Makefile gives them."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.setups import ROOT

PROGRAMS = sorted(set(re.findall(r"\$\(PY\) -m ((?:tests|tools)\.[\w.]+)", (ROOT / "Makefile").read_text("utf-8"))))


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_of_a_target_finds_all_that_it_imports(program: str) -> None:
    """A test of it could pass without: the tests have a path of their own."""
    package = (ROOT / program.replace(".", "/")).is_dir()
    recipe = f"try: ; @$(PY) -c 'import {program}{'.__main__' if package else ''}'"
    done = subprocess.run(
        ["make", "--eval", recipe, "try"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
