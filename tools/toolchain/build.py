"""The third way to a toolchain: a build from Go modules, for machines that reach package registries only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from tools.toolchain.checks import check_disk, check_go, check_sdks
from tools.toolchain.errors import ToolchainError
from tools.toolchain.layout import Toolchain, plugin_folder
from tools.toolchain.mapping import derive
from tools.toolchain.pins import FOLDER, key, pins
from tools.toolchain.progress import Progress
from tools.toolchain.store import Store, remove
from tools.toolchain.trim import TrimError, trim

CLI = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
CLI_VERSION = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
ROOMY = 15  # of 16 GB, less what the kernel keeps; measured on a part of the CLI: 87 -> 74 s of processor time
# No debugging information anywhere, no inlining outside the standard library: that halves the time to compile.
FAST = ("-gcflags=all=-dwarf=false -l", "-gcflags=std=-dwarf=false")


def collector() -> str:
    """Return GOGC for the compiler: on a machine with 16 GB it collects less, which takes 15 % less processor time."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return "400" if gigabytes >= ROOMY else "100"


class Build:
    """One build in a folder of its own; `fresh` becomes the toolchain when it is complete."""

    def __init__(self, store: Store, fresh: Path) -> None:
        self.store, self.fresh, self.work = store, fresh, fresh / "work"
        self.progress = Progress(store.log)
        self.packages = check_sdks()
        self.environment = (
            {"GOGC": collector()}
            | os.environ
            | {
                "CGO_ENABLED": "0",
                "GOCACHE": str(store.build_cache),
                "GOFLAGS": "-buildvcs=false -trimpath -mod=readonly",
                "GOTOOLCHAIN": "local",
                "GOWORK": "off",
            }
        )

    def run(self) -> None:
        """Build everything.

        Raises:
            ToolchainError: a step failed; the log has the details.
        """
        for name in ("cmd", "internal", "dockerprovider", "go.mod", "go.sum"):
            copy = shutil.copytree if (FOLDER / "go" / name).is_dir() else shutil.copyfile
            (self.work).mkdir(exist_ok=True)
            copy(FOLDER / "go" / name, self.work / name)
        self.trim()
        packages = self.list_packages()
        self.compile(packages)
        for name, version in pins().plugins.items():
            self.install(name, version)
        remove(self.work)

    def go(self, *arguments: str, title: str, expected: int = 0) -> str:
        """Run a go command with progress; return what it printed on stdout."""
        return self.progress.follow(["go", *arguments], self.work, self.environment, title, expected)

    def trim(self) -> None:
        """Fetch the AWS provider (Go verifies it by go.sum) and write its trimmed copy."""
        scratch = self.work / "fetch"  # a module of its own: nothing but go.sum is read there
        scratch.mkdir()
        shutil.copyfile(self.work / "go.sum", scratch / "go.sum")
        (scratch / "go.mod").write_text("module fetch\n", encoding="utf-8")
        command = ["go", "mod", "download", "-json", pins().upstream]
        found = self.progress.follow(command, scratch, self.environment, "fetching the AWS provider")
        remove(scratch)
        try:
            waits = FOLDER / "go" / "internal" / "waits" / "waits.go"
            self.progress.say(trim(Path(json.loads(found)["Dir"]), self.work / "upstream", pins().services, waits))
        except TrimError as error:
            raise ToolchainError(f"versions.toml: {error}") from error

    def list_packages(self) -> int:
        """Download every module that is needed; return how many packages are to be compiled."""
        listed = self.go("list", "-deps", "-tags", "no_compose", CLI, "./cmd/...", title="downloading Go modules")
        return len(listed.splitlines())

    def compile(self, packages: int) -> None:
        """Compile the CLI and the plugins, in one go: what they share compiles once."""
        flags = ["-tags", "no_compose", *FAST, f"-ldflags=-s -w -X {CLI_VERSION}=v{pins().cli}"]
        target = f"{self.work / 'out'}/"
        self.go("build", "-v", *flags, "-o", target, CLI, "./cmd/...", title="compiling", expected=packages)
        (self.fresh / "bin").mkdir()
        program = (self.work / "out" / "pulumi").rename(self.fresh / "bin" / "pulumi")
        said = subprocess.run([program, "version"], capture_output=True, text=True, check=False).stdout.strip()
        if said != f"v{pins().cli}":
            raise ToolchainError(f"the CLI says {said!r}, not v{pins().cli}: a fault of this build")

    def install(self, name: str, version: str) -> None:
        """Put a plugin where Pulumi looks for it, with the names that its SDK uses."""
        folder = plugin_folder(self.fresh / "plugins", name, version)
        folder.mkdir(parents=True)
        program = folder / f"pulumi-resource-{name}"
        (self.work / "out" / program.name).rename(program)
        dumped = subprocess.run([program, "dump-tf-schema"], capture_output=True, check=True).stdout
        overrides = FOLDER / "overrides" / f"{name}.toml"
        release = pins().releases[name]
        mapping, remarks = derive(self.packages / f"pulumi_{name}", json.loads(dumped), overrides, release)
        (folder / "mapping.json").write_text(json.dumps(mapping, sort_keys=True), encoding="utf-8")
        (folder / "remarks.txt").write_text("".join(f"{line}\n" for line in remarks), encoding="utf-8")
        shown = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
        said = (shown.stdout + shown.stderr).strip()
        if said.removeprefix("v") != version:
            raise ToolchainError(f"plugin {name} says {said!r}, not {version}: a fault of this build")
        counts = f"{len(mapping['resources'])} resources, {len(mapping['datasources'])} data sources"
        self.progress.say(f"plugin {name} {version}: {counts}")


def build(store: Store, *, keep: bool) -> Toolchain:
    """Return the toolchain built from Go modules; build it if the cache has not got it.

    Args:
        store: the cache; its lock is held by the caller.
        keep: keep Go's build cache afterwards.

    Raises:
        UnavailableError: Go is missing or too old.
        ToolchainError: there is no room, no SDK, or a step failed.
    """
    folder = store.find(key())
    if not folder:
        version, began = check_go(), time.monotonic()
        check_disk(store.root)
        minutes, gigabytes = pins().cold_minutes, pins().disk_gigabytes
        print(
            f"toolchain: building the Pulumi CLI and its plugins from Go modules with {version}, once: up to {minutes} "
            f"minutes on two cores, meanwhile up to {gigabytes} GB in {store.root}, 0.5 GB afterwards",
            flush=True,
        )
        with store.fresh(key()) as fresh:
            Build(store, fresh).run()
        folder = store.folder(key())
        if not keep:
            store.drop_build_cache()
        print(f"toolchain: built in {time.monotonic() - began:.0f} s", flush=True)
    return Toolchain(origin="built", key=folder.name, programs=str(folder / "bin"), plugins=str(folder / "plugins"))
