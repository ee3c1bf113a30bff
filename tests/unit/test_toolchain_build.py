"""Builds of the toolchain: clean-up, waits, mapping of names, language host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tools.toolchain import build, checks, pins
from tools.toolchain.errors import ToolchainError, UnavailableError
from tools.toolchain.mapping import derive
from tools.toolchain.store import UNFINISHED, Store
from tools.toolchain.trim import TrimError, shorten_waits, trim

ROOT = Path(__file__).parents[2]
WAITS = ROOT / "tools" / "toolchain" / "go" / "internal" / "waits"


def script(path: Path, text: str) -> Path:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one in PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """A folder is only renamed when it is complete; write-protected parts are removed too."""
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
    """A killed process cannot clean up."""
    (tmp_path / f"{UNFINISHED}dead" / "work").mkdir(parents=True)
    store = Store(tmp_path)
    with store.lock(), store.fresh("key"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "key"]


def test_a_second_build_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Concurrent builds would do the same work twice."""
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
    """After a failure the next build resumes from it; after success it is no longer needed."""
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
    """The message must include the remedy."""
    assert only.exists()
    with pytest.raises(
        UnavailableError, match=r"^Go is not installed and a build needs 1\.26 or newer\. Install Go.*$"
    ):
        checks.check_go()


def test_an_old_go_is_refused_with_its_version(only: Path) -> None:
    """A distribution's version of Go is often too old."""
    script(only / "go", "echo go1.19.8")
    with pytest.raises(
        UnavailableError, match=r"^go1\.19\.8 is installed and a build needs Go 1\.26 or newer\. Install"
    ):
        checks.check_go()


def test_a_full_disk_is_refused_before_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the build would fail after minutes."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10 << 30, 9 << 30, 1 << 30))
    with pytest.raises(ToolchainError, match=r"has 1 GB free and a build takes 6: free space, or set LOCALCLOUD_CACHE"):
        checks.check_disk(tmp_path)


def test_fixed_waits_are_asked_at_run_time_and_nothing_else_changes() -> None:
    """Configured durations are not changed."""
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
    """Runs the Go tests of package waits, which cover both cases."""
    for path in WAITS.glob("*.go"):
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "go.mod").write_text("module waits\n")
    own = os.environ | {"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}
    done = subprocess.run(
        ["go", "test", "-count=1", "-vet=off", "-gcflags=all=-l", "./..."],
        cwd=tmp_path, env=own, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_service_that_the_provider_lacks_is_refused_by_name(tmp_path: Path) -> None:
    """A typo in versions.toml must not build a plugin without the service."""
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
    """The plugin refuses a property on that list."""
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
    """Started by its folder's path from another folder, as by the engine's wrapper."""
    host = ROOT / "tools" / "toolchain" / "host"
    shown = subprocess.run([sys.executable, host, "--about"], cwd="/", capture_output=True, text=True, check=True)
    about = json.loads(shown.stdout)
    assert about["executable"] == sys.executable
    assert {plugin["name"]: plugin["version"] for plugin in about["plugins"]}.items() >= pins.pins().plugins.items()
