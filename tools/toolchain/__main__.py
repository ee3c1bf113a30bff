"""The command line: `python3 -m tools.toolchain --help`."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys

from tools.toolchain import installed, official
from tools.toolchain.build import build
from tools.toolchain.errors import ToolchainError, UnavailableError
from tools.toolchain.layout import Toolchain, publish, recorded
from tools.toolchain.pins import key, pins
from tools.toolchain.places import TOOLCHAIN, cache, environment
from tools.toolchain.store import Store

ABOUT = """\
Leaves a working Pulumi toolchain at .toolchain: the CLI, the Python language host (programs and
policy packs) and the plugins, at the versions that toolchain/versions.toml pins. It takes, in this
order: what is installed; the official download; a build from Go modules, kept in a cache outside
the repository ($LOCALCLOUD_CACHE, $XDG_CACHE_HOME/slipway or ~/.cache/slipway)."""
COMMANDS = """\
install   the default: as above; under a second when all is there
env       print the shell commands that put it into use: eval "$(python3 -m tools.toolchain env)"
clean     remove .toolchain and every cached toolchain"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.toolchain",
        description=ABOUT,
        epilog=f"commands:\n{COMMANDS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", choices=["install", "env", "clean"], default="install", metavar="command")
    parser.add_argument("--from", dest="origin", choices=["installed", "official", "built"], help="only this way")
    parser.add_argument("--keep-build-cache", action="store_true", help="keep Go's build cache (3 GB) after a build")
    return parser.parse_args()


def obtain(store: Store, origin: str | None, *, keep: bool) -> Toolchain:
    """Return a toolchain from the first available source.

    Raises:
        ToolchainError: no source is available, or one failed.
    """
    reasons = []
    if origin in (None, "installed"):
        try:
            toolchain, about = installed.find()
            print(f"toolchain: using {about}", flush=True)
        except UnavailableError as reason:
            reasons.append(str(reason))
        else:
            return toolchain
    with store.lock():
        built = store.find(key()) is not None
        if origin == "official" or (origin is None and not built):
            try:
                return official.fetch(store)
            except UnavailableError as reason:
                reasons.append(f"no official download: {reason}")
        if origin in (None, "built"):
            if reasons and not built:
                print(f"toolchain: {'; '.join(reasons)}; so it is built here", flush=True)
            return build(store, keep=keep)
    raise ToolchainError("; ".join(reasons))


def matches(found: Toolchain) -> bool:
    """Tell whether a toolchain matches the current files and version of Go (any version if Go is missing)."""
    return found.key.startswith(key()) if key().endswith("-") else found.key == key()


def install(origin: str | None, *, keep: bool) -> None:
    """Install the toolchain at `.toolchain`."""
    found = recorded()
    if found is None or not matches(found) or origin not in (None, found.origin):
        store = Store(cache())
        found = obtain(store, origin, keep=keep)
        with store.lock():
            publish(found)
    plugins = ", ".join(f"{name} {version}" for name, version in pins().plugins.items())
    cli = f"of {found.programs}" if found.origin == "installed" else pins().cli
    print(f"toolchain: Pulumi CLI {cli}, plugins {plugins}: {found.origin}, at {TOOLCHAIN}")


def clean() -> None:
    """Remove the cache and `.toolchain`, including Pulumi's home."""
    store = Store(cache())
    if store.root.exists():
        with store.lock():
            size = store.clean()
        print(f"toolchain: removed {store.root} ({size / 1e9:.1f} GB)")
    if TOOLCHAIN.is_symlink():
        TOOLCHAIN.unlink()
    elif TOOLCHAIN.exists():
        Store(TOOLCHAIN).clean()


def where() -> str:
    """Return the path of the cache, for messages."""
    try:
        return str(cache())
    except RuntimeError:  # the user has no home directory
        return "~/.cache"


def main() -> int:
    """Run the command; return the exit code."""
    options = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as on Ctrl-C
    try:
        if options.command == "install":
            install(options.origin, keep=options.keep_build_cache)
        elif options.command == "clean":
            clean()
        else:
            for name, value in environment().items():
                print(f"export {name}={shlex.quote(value)}")
    except ToolchainError as error:
        print(f"toolchain: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        remedy = (
            f"see to disk and rights, or set LOCALCLOUD_CACHE to another folder than {where()}; then run this again"
        )
        print(f"toolchain: {' '.join(str(error).split())}; {remedy}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("toolchain: interrupted; nothing was left half-done", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
