"""The toolchain: its pins and key, its three ways, and that nothing half-done is left."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from toolchain import __main__ as program
from toolchain import build, installed, official, pins, places
from toolchain.errors import ToolchainError, UnavailableError
from toolchain.layout import Toolchain, missing_plugins, plugin_folder, publish, recorded
from toolchain.mapping import derive
from toolchain.store import UNFINISHED, Store
from toolchain.trim import TrimError, shorten_waits, trim

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WAITS = ROOT / "toolchain" / "go" / "internal" / "waits"


def script(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def plugins_in(folder: Path) -> Path:
    """Lay out every pinned plugin, empty, in a folder."""
    for name, version in pins.pins().plugins.items():
        script(plugin_folder(folder, name, version) / f"pulumi-resource-{name}", "")
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the files that a toolchain is built from."""
    for path in pins.source_files():
        copy = tmp_path / "sources" / path.relative_to(pins.FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return tmp_path / "sources"


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH; PULUMI_HOME is below it."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PULUMI_HOME", str(folder / "home"))
    return folder


def test_requirements_name_the_versions_of_the_table() -> None:
    """The SDKs, the CLI and the plugins are verified together only."""
    required = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    named = {"pulumi": pins.pins().cli} | {f"pulumi-{name}": v for name, v in pins.pins().plugins.items()}
    assert {name: required.get(name) for name in named} == named


def test_the_go_module_names_the_version_of_the_cli() -> None:
    """go.mod and the table must not drift apart."""
    text = (ROOT / "toolchain" / "go" / "go.mod").read_text()
    assert set(re.findall(r"pulumi/(?:pkg|sdk)/v3 v(\S+)", text)) == {pins.pins().cli}
    assert f"{pins.pins().upstream.replace('@', ' ')} h1:" in (ROOT / "toolchain" / "go" / "go.sum").read_text()


@pytest.mark.parametrize("name", ["go/go.sum", "go/cmd/pulumi-resource-aws/provider.go", "trim.py", "versions.toml"])
def test_a_changed_source_file_changes_the_key(sources: Path, name: str) -> None:
    """A stale toolchain is never taken for the present one."""
    before = pins.key(sources, "go1.26.0")
    assert before == pins.key(sources, "go1.26.0")
    with (sources / name).open("a") as file:
        file.write("\n")
    assert pins.key(sources, "go1.26.0") != before


def test_a_new_and_a_renamed_file_change_the_key(sources: Path) -> None:
    """Names count, not only contents."""
    before = pins.key(sources, "go1.26.0")
    (sources / "go" / "internal" / "new.go").write_text("package internal\n")
    added = pins.key(sources, "go1.26.0")
    (sources / "go" / "internal" / "new.go").rename(sources / "go" / "internal" / "other.go")
    assert len({before, added, pins.key(sources, "go1.26.0")}) == 3


def test_another_go_changes_the_key_and_no_go_finds_what_was_built(tmp_path: Path, sources: Path) -> None:
    """Removing Go after the build must not make the toolchain unusable."""
    built = pins.key(sources, "go1.26.8")
    assert built != pins.key(sources, "go1.27.0")
    store = Store(tmp_path / "cache")
    script(store.folder(built) / "bin" / "pulumi", "")
    assert store.find(pins.key(sources, "")) == store.folder(built)
    assert store.find(pins.key(sources, "go1.27.0")) is None


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """A folder takes its name only when it is whole, write-protected parts go too."""
    store = Store(tmp_path)

    def half() -> None:
        with store.lock(), store.fresh("key") as fresh:
            (fresh / "bin").mkdir()
            (fresh / "bin" / "half").write_text("half")
            (fresh / "bin").chmod(0o555)
            raise error

    with pytest.raises(error):
        half()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_a_killed_build_left_is_swept_by_the_next(tmp_path: Path) -> None:
    """A process that is killed cannot clean up after itself."""
    (tmp_path / f"{UNFINISHED}dead" / "work").mkdir(parents=True)
    store = Store(tmp_path)
    with store.lock(), store.fresh("key"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "key"]


def test_a_second_build_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two at once would do the same work twice."""
    store, order = Store(tmp_path), []

    def second() -> None:
        with store.lock():
            order.append("second")

    with store.lock():
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    assert f"process {os.getpid()} is at it already" in capsys.readouterr().out


def test_a_failed_build_keeps_the_build_cache_and_a_good_one_drops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure the next build goes on from there; after success its gigabytes are waste."""
    store = Store(tmp_path)
    store.build_cache.mkdir()
    monkeypatch.setattr(build, "check_go", lambda: "go1.26.8")
    monkeypatch.setattr(build.Build, "__init__", lambda *_: None)

    def fail(_: build.Build) -> None:
        raise ToolchainError("compiling: failed")

    monkeypatch.setattr(build.Build, "run", fail)
    with pytest.raises(ToolchainError, match="compiling: failed"):
        build.build(store, keep=False)
    assert store.build_cache.exists()
    assert not store.folder(pins.key()).exists()
    monkeypatch.setattr(build.Build, "run", lambda _: None)
    assert build.build(store, keep=False).origin == "built"
    assert not store.build_cache.exists()


def test_missing_go_is_said_in_one_line_with_a_remedy(only: Path) -> None:
    """The way out must be in the message."""
    assert only.exists()
    with pytest.raises(
        UnavailableError, match=r"^Go is not installed and a build needs 1\.26 or newer\. Install Go.*$"
    ):
        build.check_go()


def test_an_old_go_is_refused_with_its_version(only: Path) -> None:
    """Go of a distribution is often too old."""
    script(only / "go", "echo go1.19.8")
    with pytest.raises(
        UnavailableError, match=r"^go1\.19\.8 is installed and a build needs Go 1\.26 or newer\. Install"
    ):
        build.check_go()


def test_a_full_disk_is_refused_before_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that stops at minute eight for want of room is worse."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10 << 30, 9 << 30, 1 << 30))
    with pytest.raises(ToolchainError, match=r"has 1 GB free and a build takes 6: make room, or set SLIPWAY_CACHE"):
        build.check_disk(tmp_path)


@pytest.mark.parametrize(("shown", "remark"), [("v3.256.0", ""), ("v3.240.1", "same major version is taken")])
def test_an_installed_pulumi_with_its_plugins_is_taken(only: Path, shown: str, remark: str) -> None:
    """What is there already comes first; another version of the same major is named."""
    script(only / "pulumi", f"echo {shown}")
    script(only / "pulumi-language-python", "")
    plugins_in(only / "home" / "plugins")
    toolchain, about = installed.find()
    assert (toolchain.origin, toolchain.programs) == ("installed", str(only))
    assert remark in about


def test_an_installed_pulumi_of_another_major_is_not_taken(only: Path) -> None:
    """The plugins' protocol may differ."""
    script(only / "pulumi", "echo v2.25.0")
    with pytest.raises(UnavailableError, match=r"is v2\.25\.0, wanted is v3\.256\.0"):
        installed.find()


def test_an_installed_pulumi_without_a_pinned_plugin_is_not_enough(only: Path) -> None:
    """The message names what is missing."""
    script(only / "pulumi", "echo v3.256.0")
    script(only / "pulumi-language-python", "")
    shutil.rmtree(plugin_folder(plugins_in(only / "home" / "plugins"), "docker", pins.pins().plugins["docker"]))
    with pytest.raises(UnavailableError, match=r"pulumi 3\.256\.0 is installed, but not its plugins docker 5\.2\.0$"):
        installed.find()


@pytest.fixture
def downloads(tmp_path: Path) -> Iterator[str]:
    """A server with an official CLI and its checksum; its address."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    name = official.archive_name(pins.pins().cli)
    with tarfile.open(folder / name, "w:gz") as archive:
        for program_name in ("pulumi", "pulumi-language-python"):
            entry = tarfile.TarInfo(f"pulumi/{program_name}")
            entry.size, entry.mode = 4, 0o755
            archive.addfile(entry, io.BytesIO(b"true"))
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / f"pulumi-{pins.pins().cli}-checksums.txt").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {name}\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_official_cli_is_unpacked_beside_its_language_hosts(downloads: str, tmp_path: Path) -> None:
    """The archive has a folder of its own that is dropped."""
    official.fetch_cli(tmp_path / "bin", downloads, downloads)
    assert sorted(path.name for path in (tmp_path / "bin").iterdir()) == ["pulumi", "pulumi-language-python"]


def test_a_damaged_download_is_refused(downloads: str, tmp_path: Path) -> None:
    """What does not have the published checksum is never unpacked."""
    with (tmp_path / "downloads" / official.archive_name(pins.pins().cli)).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ToolchainError, match=r"SHA-256 is \w{64}, published is \w{64}: nothing was installed"):
        official.fetch_cli(tmp_path / "bin", downloads, downloads)
    assert not (tmp_path / "bin").exists()


def test_an_unreachable_download_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    """Only then is a build the next thing to try."""
    with pytest.raises(UnavailableError, match=r"^127\.0\.0\.1:9 cannot be reached"):
        official.fetch_cli(tmp_path / "bin", "http://127.0.0.1:9", "http://127.0.0.1:9")


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolchain:
    """A built toolchain in a cache, and a virtual environment with an SDK."""
    site = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    (site / "pulumi").mkdir(parents=True)
    monkeypatch.setattr(places, "REPOSITORY", tmp_path)
    script(tmp_path / "cache" / "bin" / "pulumi", "echo v3.256.0")
    plugins = plugins_in(tmp_path / "cache" / "plugins")
    return Toolchain(origin="built", key="k", programs=str(tmp_path / "cache" / "bin"), plugins=str(plugins))


def test_publishing_keeps_what_pulumi_wrote_into_its_home(built: Toolchain, tmp_path: Path) -> None:
    """A new toolchain must not log anyone out."""
    target = tmp_path / ".toolchain"
    (target / "home").mkdir(parents=True)
    (target / "home" / "credentials.json").write_text("{}")
    publish(built, target)
    publish(built, target)
    assert recorded(target) == built
    assert (target / "home" / "credentials.json").exists()
    assert not missing_plugins(target / "home" / "plugins")
    assert str(tmp_path / ".venv" / "bin" / "python") in (target / "bin" / "pulumi-language-python").read_text()


def test_a_toolchain_whose_cache_is_gone_is_not_taken_for_whole(built: Toolchain, tmp_path: Path) -> None:
    """The next run then makes it anew."""
    publish(built, tmp_path / ".toolchain")
    shutil.rmtree(tmp_path / "cache")
    assert recorded(tmp_path / ".toolchain") is None


def test_the_environment_has_the_programs_first_and_no_plugin_on_path(
    built: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin on PATH makes the engine warn at every run."""
    publish(built, tmp_path / ".toolchain")
    monkeypatch.setattr(places, "TOOLCHAIN", tmp_path / ".toolchain")
    monkeypatch.setenv("PATH", places.environment()["PATH"])
    found = places.environment()
    assert found["PATH"].split(":").count(str(tmp_path / ".toolchain" / "bin")) == 1
    assert shutil.which("pulumi", path=found["PATH"]) == str(tmp_path / ".toolchain" / "bin" / "pulumi")
    assert not list((tmp_path / ".toolchain" / "bin").glob("pulumi-resource-aws"))
    assert found["PULUMI_HOME"] == str(tmp_path / ".toolchain" / "home")


def test_a_missing_toolchain_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls environment() before set-up is told what to run."""
    monkeypatch.setattr(places, "TOOLCHAIN", tmp_path / ".toolchain")
    with pytest.raises(ToolchainError, match=r"\.toolchain is missing: run `make setup`"):
        places.environment()


def test_errors_are_one_line_and_the_exit_status_is_not_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for what the user can mend."""
    monkeypatch.setattr(places, "TOOLCHAIN", tmp_path / ".toolchain")
    monkeypatch.setattr(sys, "argv", ["toolchain", "env"])
    assert program.main() == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_clean_removes_the_cache_with_its_write_protected_parts(tmp_path: Path) -> None:
    """Go's module cache is read-only, and a folder may be."""
    store = Store(tmp_path / "cache")
    (store.root / "key" / "bin").mkdir(parents=True)
    (store.root / "key" / "bin" / "pulumi").write_text("12345")
    (store.root / "key" / "bin").chmod(0o555)
    assert store.clean() == 5
    assert not store.root.exists()


def test_fixed_waits_are_asked_at_run_time_and_nothing_else_changes() -> None:
    """Durations that come from a configuration stay the configuration's."""
    source = (
        'package ecs\n\nimport ( // why\n\t"time"\n)\n\nvar c = retry.StateChangeConf{\n'
        "\tDelay:      10 * time.Second,\n\tMinTimeout: amiRetryMinTimeout,\n\tTimeout:    timeout,\n}\n"
    )
    changed = shorten_waits(source)
    assert "\tDelay:      waits.Of(10 * time.Second),\n\tMinTimeout: waits.Of(amiRetryMinTimeout),\n" in changed
    assert "\tTimeout:    timeout,\n" in changed
    assert changed.count("internal/waits") == 1
    assert shorten_waits("package ecs\n") == "package ecs\n"


@pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed")
def test_waits_are_short_only_where_every_endpoint_is_loopback(tmp_path: Path) -> None:
    """Go's own tests of package waits: both sides, decided at run time."""
    for path in WAITS.glob("*.go"):
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "go.mod").write_text("module waits\n")
    own = os.environ | {"GOFLAGS": "", "GOWORK": "off"}
    done = subprocess.run(
        ["go", "test", "-count=1", "./..."], cwd=tmp_path, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_service_that_the_provider_lacks_is_refused_by_name(tmp_path: Path) -> None:
    """A slip in versions.toml must not give a plugin without the service."""
    with pytest.raises(TrimError, match=r"^internal/service/esc has no Go files"):
        trim(tmp_path, tmp_path / "out", ["esc"], WAITS / "waits.go")


SDK = """
class ServiceArgs:
    @_builtins.property
    @pulumi.getter(name="loadBalancers")
    def load_balancers(self) -> Optional[pulumi.Input[Sequence[pulumi.Input["ServiceLoadBalancerArgs"]]]]: ...
    @_builtins.property
    @pulumi.getter(name="onlyHere")
    def only_here(self) -> Optional[pulumi.Input[_builtins.str]]: ...

class Service(pulumi.CustomResource):
    def _internal_init(__self__):
        super(Service, __self__).__init__(
            'aws:ecs/service:Service',
            resource_name)
    @_builtins.property
    @pulumi.getter(name="loadBalancers")
    def load_balancers(self) -> pulumi.Output[Optional[Sequence['outputs.ServiceLoadBalancer']]]: ...
    @_builtins.property
    @pulumi.getter
    def network(self) -> pulumi.Output[Optional['outputs.ServiceNetwork']]: ...
    @_builtins.property
    @pulumi.getter(name="onlyHere")
    def only_here(self) -> pulumi.Output[_builtins.str]: ...
"""
OUTPUTS = """
class ServiceLoadBalancer(dict):
    @_builtins.property
    @pulumi.getter(name="containerPort")
    def container_port(self) -> _builtins.int: ...
    @_builtins.property
    @pulumi.getter
    def newer(self) -> _builtins.int: ...

class ServiceNetwork(dict):
    @_builtins.property
    @pulumi.getter
    def subnets(self) -> Sequence[_builtins.str]: ...
"""


def test_names_come_from_the_sdk_and_what_the_plugin_lacks_is_listed(tmp_path: Path) -> None:
    """A program that sets a property of the list is told so by the plugin."""
    (tmp_path / "pulumi_aws" / "ecs").mkdir(parents=True)
    (tmp_path / "pulumi_aws" / "pulumi-plugin.json").write_text('{"version": "7.0.0"}')
    (tmp_path / "pulumi_aws" / "ecs" / "service.py").write_text(SDK)
    (tmp_path / "pulumi_aws" / "ecs" / "outputs.py").write_text(OUTPUTS)
    (tmp_path / "aws.toml").write_text("")
    strings = {"t": "List", "e": "String"}
    fields: dict[str, Any] = {
        "load_balancer": {"t": "Set", "f": {"container_port": {"t": "Int"}}},
        "network": {"t": "List", "max1": True, "f": {"subnets": strings}},
    }
    schema = {"resources": {"aws_ecs_service": fields, "aws_ecs_other": fields}, "datasources": {}}
    mapping, remarks = derive(tmp_path / "pulumi_aws", schema, tmp_path / "aws.toml", "provider 6")
    assert mapping["version"] == "7.0.0"
    assert mapping["resources"] == {
        "aws_ecs_service": {
            "tok": "aws:ecs/service:Service",
            "fields": {
                "load_balancer": {"name": "loadBalancers"},
                "network": {"name": "network", "fields": {"subnets": {"name": "subnets"}}},
            },
            "unserved": ["loadBalancers.newer", "onlyHere"],
        }
    }
    assert "resources aws_ecs_other: not in the SDK" in remarks


def test_the_host_tells_of_the_interpreter_that_runs_it() -> None:
    """Started by its folder's path, as the engine's wrapper does it, from any other folder."""
    host = ROOT / "toolchain" / "host"
    shown = subprocess.run([sys.executable, host, "--about"], cwd="/", capture_output=True, text=True, check=True)
    about = json.loads(shown.stdout)
    assert about["executable"] == sys.executable
    assert {plugin["name"]: plugin["version"] for plugin in about["plugins"]}.items() >= pins.pins().plugins.items()


def test_publishing_an_official_toolchain_takes_the_built_programs_away(built: Toolchain, tmp_path: Path) -> None:
    """The built language host must not stand in for the official one; Pulumi follows links to find that."""
    target = tmp_path / ".toolchain"
    publish(built, target)
    programs = tmp_path / "official"
    for name in ("pulumi", "pulumi-language-python"):
        script(programs / name, "")
    publish(Toolchain(origin="official", key="k", programs=str(programs), plugins=built.plugins), target)
    found = {path.name: path.resolve().parent for path in (target / "bin").iterdir()}
    assert found == {"pulumi": programs, "pulumi-language-python": programs}


def test_a_silent_network_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that never answers must not stop the set-up."""
    monkeypatch.setattr(official, "_open", lambda *_, **__: time.sleep(5))
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"^get\.pulumi\.com gives no answer in 0\.1 s$"):
        official.probe(official.DOWNLOADS, 0.1)
    assert time.monotonic() - began < 2
