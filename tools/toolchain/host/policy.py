"""Policy packs: an analyzer that starts the pack's server once the stack is known."""
# ruff: noqa: ANN401 - grpc has no types

from __future__ import annotations

import json
import subprocess
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # the package has no types
from pulumi.runtime.proto import analyzer_pb2

from . import children

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi.runtime.proto import language_pb2

MESSAGE_BYTES = 400 << 20
OPTIONS = [(f"grpc.max_{way}_message_length", MESSAGE_BYTES) for way in ("receive", "send")]


class PolicyPack(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc's classes have no types
    """A proxy of the analyzer protocol; from ConfigureStack on it forwards every call to the pack's server.

    Packs read the stack from their environment, so they cannot be started earlier.
    """

    def __init__(self, request: language_pb2.RunPluginRequest, say: Callable[..., None]) -> None:
        """Listen on `port`. `say` is called with the name of an output stream and its process."""
        self.request, self.say = request, say
        self.lock = threading.Lock()
        self.child: subprocess.Popen[bytes] | None = None
        self.channel: Any = None
        self.server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[self], options=OPTIONS)
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def service(self, details: Any) -> Any:
        """Return the handler, the same for every method."""
        return grpc.unary_unary_rpc_method_handler(lambda body, context: self._call(details.method, body, context))

    def _call(self, method: str, body: bytes, context: Any) -> bytes:
        name = method.rsplit("/", 1)[1]
        if name == "Handshake":
            return b""
        try:
            with self.lock:
                if not self.child:
                    self._start(_stack(body) if name == "ConfigureStack" else {})
            answer: bytes = self.channel.unary_unary(method)(body)
        except grpc.RpcError as error:
            if name == "ConfigureStack" and error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return b""
            context.abort(error.code(), error.details())
        except (OSError, RuntimeError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        else:
            return answer
        return b""  # unreachable: abort raises

    def _start(self, stack: dict[str, str]) -> None:
        info = self.request.info
        own = dict(pair.split("=", 1) for pair in self.request.env)
        command = [children.python(info), "-u", "-m", "pulumi.policy", *self.request.args, info.program_directory]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.child = children.start(command, own | stack, cwd=info.program_directory, **pipes)
        threading.Thread(target=self.say, args=("stderr", self.child), daemon=True).start()
        port = self.child.stdout.readline().decode().strip() if self.child.stdout else ""
        if not port.isdigit():
            raise RuntimeError(f"policy pack {info.program_directory} did not start: {port or 'its error is above'}")
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS)
        threading.Thread(target=self.say, args=("stdout", self.child), daemon=True).start()

    def close(self) -> None:
        """Stop serving and terminate the pack."""
        self.server.stop(0)
        if self.child:
            self.child.terminate()


def _stack(body: bytes) -> dict[str, str]:
    """Return the environment variables from which a pack reads its stack."""
    request = analyzer_pb2.AnalyzerStackConfigureRequest.FromString(body)
    return {
        "PULUMI_ORGANIZATION": request.organization,
        "PULUMI_PROJECT": request.project,
        "PULUMI_STACK": request.stack,
        "PULUMI_DRY_RUN": str(request.dry_run).lower(),
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
    }
