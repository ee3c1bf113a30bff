"""The LanguageRuntime service."""
# ruff: noqa: ANN401, N802 - the methods are named by Pulumi's protocol, and grpc has no types

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent import futures
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # the package has no types
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # the package has no types
from pulumi.runtime.proto import language_pb2 as pb
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

from . import SHOWN, children
from .policy import OPTIONS, PolicyPack

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 16
PARENT_SECONDS = 2  # interval of checks that the engine is still running


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """The engine's interface to a language."""

    def __init__(self, engine: str) -> None:
        self.engine = engine

    def Handshake(self, _request: Any, _context: Any) -> pb.LanguageHandshakeResponse:
        """Confirm that this host is ready."""
        return pb.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Any, _context: Any) -> plugin_pb2.PluginInfo:
        """Return the host's version, which is the SDK's."""
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def About(self, request: Any, _context: Any) -> pb.AboutResponse:
        """Return the program's interpreter, for `pulumi about`."""
        found = children.about(request.info)
        return pb.AboutResponse(executable=found["executable"], version=found["version"])

    def GetRequiredPackages(self, request: Any, _context: Any) -> pb.GetRequiredPackagesResponse:
        """Return the plugins of the SDKs that are installed for the program's interpreter."""
        return pb.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(
                    kind="resource",
                    name=plugin["name"],
                    version=plugin.get("version", ""),
                    server=plugin.get("server", ""),
                )
                for plugin in children.about(request.info)["plugins"]
            ]
        )

    def GetProgramDependencies(self, request: Any, _context: Any) -> pb.GetProgramDependenciesResponse:
        """Return the installed packages, for `pulumi about`."""
        found = children.about(request.info)
        names = sorted(found["packages"]) if request.transitiveDependencies else found["direct"]
        listed = [pb.DependencyInfo(name=name, version=found["packages"][name]) for name in names]
        return pb.GetProgramDependenciesResponse(dependencies=listed)

    def InstallDependencies(self, _request: Any, _context: Any) -> Iterator[pb.InstallDependenciesResponse]:
        """Do nothing: pip installs dependencies."""
        yield pb.InstallDependenciesResponse(stdout=b"This language host leaves Python dependencies to pip.\n")

    def RuntimeOptionsPrompts(self, _request: Any, _context: Any) -> pb.RuntimeOptionsResponse:
        """Return no prompts for `pulumi new`."""
        return pb.RuntimeOptionsResponse()

    def Template(self, _request: Any, _context: Any) -> pb.TemplateResponse:
        """Return no changes for `pulumi new`."""
        return pb.TemplateResponse()

    def Cancel(self, _request: Any, _context: Any) -> empty_pb2.Empty:
        """Terminate the running programs."""
        children.end()
        return empty_pb2.Empty()

    def Run(self, request: Any, _context: Any) -> pb.RunResponse:
        """Run a program to completion."""
        if self.engine and not request.args:
            request.args.append(self.engine)
        try:
            command = [children.python(request.info), "-u", children.HOST, "--exec"]
            process = children.start(command, stdin=subprocess.PIPE)
        except OSError as error:
            return pb.RunResponse(error=str(error))
        process.communicate(request.SerializeToString())
        if process.returncode in (0, SHOWN):
            return pb.RunResponse(bail=process.returncode == SHOWN)
        return pb.RunResponse(error=f"the program ended with status {process.returncode}")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[pb.RunPluginResponse]:
        """Run a policy pack, or a provider written in Python; its output is streamed."""
        out: queue.Queue[pb.RunPluginResponse | None] = queue.Queue()  # None ends the stream

        def say(name: str, process: subprocess.Popen[bytes]) -> None:
            for line in getattr(process, name):
                out.put(pb.RunPluginResponse(**{name: line}))
            if name == "stdout":
                out.put(pb.RunPluginResponse(exitcode=process.wait()))
                out.put(None)

        if request.kind == "analyzer":
            pack = PolicyPack(request, say)
            out.put(pb.RunPluginResponse(stdout=f"{pack.port}\n".encode()))
            close = pack.close
        else:
            command = [children.python(request.info), "-u", request.info.program_directory, *request.args]
            own = dict(pair.split("=", 1) for pair in request.env)
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = children.start(command, own, cwd=request.pwd, **pipes)
            for name in ("stderr", "stdout"):
                threading.Thread(target=say, args=(name, process), daemon=True).start()
            close = process.terminate
        context.add_callback(close)
        context.add_callback(lambda: out.put(None))
        yield from iter(out.get, None)


def main() -> int:
    """Serve until the engine terminates this process, or exits itself."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    engine = addresses[-1] if addresses else ""

    def end(*_: object) -> None:
        children.end()
        os._exit(0)  # the engine has its responses: no grace period, no traceback

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(engine), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    parent = os.getppid()
    while server.wait_for_termination(PARENT_SECONDS):  # true: still serving
        if os.getppid() != parent:
            end()  # the engine has exited without terminating this process
    return 0
