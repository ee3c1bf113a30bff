"""The shell script that runs a build's commands. Pure.

Between the output of the commands, the script writes control lines: a record separator, a secret word, and one of
`enter PHASE`, `run PHASE N`, `failed PHASE N STATUS`, `leave PHASE STATE` or `done`. So Docker's log alone records how
far a build got and in which order, even after the local cloud was killed and restarted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localcloud.services.codebuild.buildspec import PHASES, RETRY, Phase

if TYPE_CHECKING:
    from localcloud.services.codebuild.buildspec import Buildspec

MARK = "\x1e"
PROGRAM = r"""# Runs a build's commands in one shell: variables, folder and functions last from command to command.
# A command that ends the shell ("exit 1", or "set -e") is taken up by the trap: the program replaces itself and goes on
# after it; exported variables and the folder last even so.
__cb_dir='@DIR@'
__cb_shell='@SHELL@'
__cb_say() { printf '\036%s %s\n' '@WORD@' "$*"; }
__cb_p=${1:-1} __cb_i=${2:-0} __cb_failed=${3:-0} __cb_rc=${4:-} __cb_live=
[ -n "$__cb_rc" ] || { exec 2>&1; export CODEBUILD_BUILD_SUCCEEDING=1; }
__cb_ended() {
  __cb_rc=$?
  trap - EXIT
  [ -z "$__cb_live" ] || exec "$__cb_shell" "$__cb_dir/run.sh" "$__cb_p" "$__cb_i" "$__cb_failed" "$__cb_rc"
}
while [ "$__cb_p" -le @PHASES@ ]; do
  case $__cb_p in
@TABLE@
  esac
  if [ "$__cb_i" -eq 0 ]; then
    __cb_say enter "$__cb_phase"
    __cb_i=1 __cb_failed=0
  fi
  while [ "$__cb_i" -le "$__cb_all" ]; do
    if [ -z "$__cb_rc" ]; then
      if [ "$__cb_failed" -eq 1 ] && [ "$__cb_i" -le "$__cb_commands" ]; then
        __cb_i=$((__cb_commands + 1))
        continue
      fi
      __cb_say run "$__cb_phase" "$__cb_i"
      trap __cb_ended EXIT
      __cb_live=1
      . "$__cb_dir/$__cb_phase-$__cb_i.sh"
      { __cb_rc=$?; __cb_live=; set +eux; [ -z "${BASH_VERSION-}" ] || set +o pipefail; } 2>/dev/null
    fi
    if [ "$__cb_rc" -ne 0 ]; then
      __cb_say failed "$__cb_phase" "$__cb_i" "$__cb_rc"
      __cb_failed=1 CODEBUILD_BUILD_SUCCEEDING=0
    fi
    __cb_rc=
    __cb_i=$((__cb_i + 1))
  done
@EXPORTS@
  if [ "$__cb_failed" -eq 1 ]; then
    __cb_say leave "$__cb_phase" FAILED
    [ "$__cb_next" = yes ] || break
  else
    __cb_say leave "$__cb_phase" SUCCEEDED
  fi
  __cb_p=$((__cb_p + 1)) __cb_i=0
done
trap - EXIT
__cb_say 'done'
"""
EXPORT = '  [ -z "${{{name}+x}}" ] || printf %s "${name}" >"$__cb_dir/exported/{name}"'
ANY_VERSION = ("latest", "3.x")
PYTHON = """if command -v pyenv >/dev/null; then pyenv global "$PYTHON_{short}_VERSION"; fi
python3 --version | grep -q '^Python {version}\\.' || {{
  echo "Unknown runtime version named '{version}' of python. This build image has: $(python3 --version)"
  false
}}"""
"""How a curated image selects its Python version; the stand-in image has only one."""


def commands(spec: Buildspec, phase: str) -> tuple[list[tuple[str, str]], int]:
    """Return all commands of a phase as (text to log, text to run), and how many come before those of `finally`."""
    body = spec.phases.get(phase, Phase())
    first = [(row, row) for row in body.commands]
    version = spec.runtimes.get("python", "")
    if phase == "INSTALL" and version and version not in ANY_VERSION:
        code = PYTHON.format(version=version, short=version.replace(".", ""))
        first.insert(0, (f'echo "Installing Python version {version} ..."', code))
    return [*first, *((row, row) for row in body.last)], len(first)


def shown(spec: Buildspec) -> dict[str, list[str]]:
    """Return each phase's commands as they are logged."""
    return {phase: [text for text, _ in commands(spec, phase)[0]] for phase in PHASES}


def unretried(spec: Buildspec) -> list[str]:
    """Return a line for each phase that AWS would retry: its documentation retries "the build", and here none is."""
    return [
        f"phases.{name.lower()}.on-failure is {body.on_failure}: the local cloud retries nothing, a failure is final"
        for name, body in spec.phases.items()
        if RETRY.fullmatch(body.on_failure)
    ]


def goes_on(spec: Buildspec, phase: str) -> bool:
    """Return whether the next phase runs after a phase has failed."""
    wanted = spec.phases.get(phase, Phase()).on_failure
    return wanted == "CONTINUE" or (wanted == "" and phase == "BUILD")


def files(spec: Buildspec, folder: str, word: str) -> dict[str, str]:
    """Return the script's files by name; "run.sh" is the entry point.

    Args:
        spec: the build specification.
        folder: the folder of the files, as the container sees it.
        word: a secret word that no command prints by chance.
    """
    table: list[str] = []
    found: dict[str, str] = {}
    for index, phase in enumerate(PHASES, 1):
        rows, first = commands(spec, phase)
        following = "yes" if goes_on(spec, phase) else "no"
        table.append(
            f"    {index}) __cb_phase={phase} __cb_commands={first} __cb_all={len(rows)} __cb_next={following} ;;"
        )
        found |= {f"{phase}-{number}.sh": f"{code}\n" for number, (_, code) in enumerate(rows, 1)}
    program = PROGRAM.replace("@DIR@", folder).replace("@SHELL@", spec.shell).replace("@WORD@", word)
    program = program.replace("@PHASES@", str(len(PHASES))).replace("@TABLE@", "\n".join(table))
    exports = [EXPORT.format(name=name) for name in spec.exported]
    return found | {"run.sh": program.replace("@EXPORTS@", "\n".join(exports))}
