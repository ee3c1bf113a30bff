"""Trim terraform-provider-aws to a few services, and make its fixed waits depend on the endpoint.

Copies only the Go packages that the named services and the provider's core reach through imports,
and rewrites the places that name every service: the list of service packages, the list of SDK
clients, go.mod. No hand edits: the result depends on the arguments alone.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

MODULE = "github.com/hashicorp/terraform-provider-aws/"
CLIENT = "github.com/aws/aws-sdk-go-v2/service/"
PACKAGES = "internal/provider/sdkv2/service_packages_gen.go"
CLIENTS = "internal/conns/awsclient_gen.go"
ERRORS = "internal/service/smarterr.hcl"
WAITS = Path("internal/waits/waits.go")

NOT_BUILT = re.compile(r"^//go:build .*(?<![!\w])(ignore|generate|sweep|mage|tools)\b", re.MULTILINE)
BLOCK = re.compile(r"^import \((.*?)^\)", re.MULTILINE | re.DOTALL)
OPENING = re.compile(r"^import \(.*\n", re.MULTILINE)
IN_BLOCK = re.compile(r'^\s*(?:[\w.]+ +)?"([^"\n]+)"\s*$', re.MULTILINE)
SINGLE = re.compile(r'^import (?:[\w.]+ +)?"([^"]+)"', re.MULTILINE)
WAIT = re.compile(
    r"\b(Delay|MinTimeout|PollInterval):(\s+)(\d+ \* time\.(?:Second|Minute)|delay|\w+(?:Delay|MinTimeout)),"
)


class TrimError(Exception):
    """The source is not as this script knows it."""


@dataclass(kw_only=True)
class _Closure:
    """What the services reach."""

    packages: dict[str, dict[str, str]] = field(default_factory=dict)  # package -> file -> text
    clients: set[str] = field(default_factory=set)  # SDK packages imported, "ecs" or "ecs/types"

    @property
    def services(self) -> set[str]:
        return {p.rsplit("/", 1)[1] for p in self.packages if re.fullmatch(r"internal/service/\w+", p)}

    @property
    def client_modules(self) -> set[str]:
        return {client.split("/")[0] for client in self.clients} | {"internal"}


def _imports(text: str) -> list[str]:
    block = BLOCK.search(text)
    return (IN_BLOCK.findall(block[1]) if block else []) + SINGLE.findall(text)


def _sources(source: Path, package: str) -> dict[str, str]:
    """Return the Go files of a package that take part in a normal Linux build: path -> text."""
    found = {}
    for path in sorted((source / package).glob("*.go")):
        text = path.read_text(encoding="utf-8")
        tests = path.name.endswith("_test.go") or path.name == "sweep.go"
        if not tests and not NOT_BUILT.search(text.split("\npackage ")[0]):
            found[path.relative_to(source).as_posix()] = text
    if not found:
        raise TrimError(f"{package} has no Go files in {source}: take a service name that the provider has")
    return found


def _closure(source: Path, services: list[str]) -> _Closure:
    """Follow the imports of the provider's entry package and of the services."""
    closure, todo = _Closure(), ["xpprovider", *(f"internal/service/{name}" for name in services)]
    while todo:
        package = todo.pop()
        if package in closure.packages:
            continue
        closure.packages[package] = _sources(source, package)
        for path, text in closure.packages[package].items():
            for imported in _imports(text):
                if imported.startswith(MODULE) and path != PACKAGES:
                    todo.append(imported.removeprefix(MODULE))
                elif imported.startswith(CLIENT) and path != CLIENTS:
                    closure.clients.add(imported.removeprefix(CLIENT))
    return closure


def shorten_waits(text: str) -> str:
    """Return a Go file whose fixed waits are asked of package waits, at run time."""
    changed, count = WAIT.subn(r"\1:\2waits.Of(\3),", text)
    if not count:
        return text
    return OPENING.sub(rf'\g<0>\t"{MODULE}internal/waits"\n', changed, count=1)


def _package_list(text: str, services: set[str]) -> str:
    """Return the list of service packages without those that were left out."""
    for pattern in (rf'^\t"{re.escape(MODULE)}internal/service/(\w+)"\n', r"^\t\t(\w+)\.ServicePackage\(ctx\),\n"):
        text = re.sub(pattern, lambda m: m[0] if m[1] in services else "", text, flags=re.MULTILINE)
    return text


def _client_list(text: str, clients: set[str]) -> str:
    """Return the SDK clients' accessors without those whose package nothing imports."""
    alias = dict(re.findall(rf'^\t(\w+) "{re.escape(CLIENT)}(\w+)"', text, re.MULTILINE))
    used: set[str] = set()

    def accessor(m: re.Match[str]) -> str:
        path = alias.get(m[1], m[1])
        used.update(clients.intersection({path}))
        return m[0] if path in clients else ""

    function = r"^func \(c \*AWSClient\) \w+\(ctx context\.Context\) \*(\w+)\.Client \{\n.*?^\}\n\n?"
    text = re.sub(function, accessor, text, flags=re.MULTILINE | re.DOTALL)
    imported = rf'^\t(?:\w+ )?"{re.escape(CLIENT)}(\w+)"\n'
    return re.sub(imported, lambda m: m[0] if m[1] in used else "", text, flags=re.MULTILINE)


def unregistered(source: Path, closure: _Closure, clients: str) -> list[str]:
    """Return the accessors that services call although the client's service is left out: those panic."""
    names = (source / "names/consts_gen.go").read_text(encoding="utf-8")
    constants = dict(re.findall(r'^\t(\w+)\s+= "([\w-]+)"$', names, re.MULTILINE))
    code = "".join(
        text for package, files in closure.packages.items() if "/service/" in package for text in files.values()
    )
    accessors = re.findall(r"^func \(c \*AWSClient\) (\w+Client)\(.*?names\.(\w+)", clients, re.MULTILINE | re.DOTALL)
    return [
        method for method, name in accessors if constants.get(name) not in closure.services and f".{method}(" in code
    ]


def _go_mod(text: str, modules: set[str]) -> str:
    """Return go.mod without the SDK modules that nothing imports, so that Go need not fetch them."""
    required = rf"^\t{re.escape(CLIENT)}([\w/]+) v\S+.*\n"
    return re.sub(required, lambda m: m[0] if m[1].split("/")[0] in modules else "", text, flags=re.MULTILINE)


def trim(source: Path, target: Path, services: list[str], waits: Path) -> str:
    """Write the trimmed provider into the folder `target`; return one line about its size.

    Args:
        source: the provider's folder in the module cache.
        target: a folder that does not exist yet.
        services: names below internal/service.
        waits: the Go file of package waits.

    Raises:
        TrimError: a service is unknown.
    """
    closure = _closure(source, services)

    def put(path: str | Path, text: str) -> None:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8")

    for package, files in closure.packages.items():
        for path, text in files.items():
            put(path, shorten_waits(text) if package.startswith("internal/service/") else text)
        for embedded in (source / package).glob("*.hcl"):
            put(embedded.relative_to(source), embedded.read_text(encoding="utf-8"))
    put(ERRORS, (source / ERRORS).read_text(encoding="utf-8"))
    if not list(target.glob("internal/service/*/smarterr.hcl")):  # go:embed wants one match at least
        put(f"internal/service/{services[0]}/smarterr.hcl", "")
    clients = _client_list(closure.packages["internal/conns"][CLIENTS], closure.clients)
    put(CLIENTS, clients)
    put(PACKAGES, _package_list(closure.packages["internal/provider/sdkv2"][PACKAGES], closure.services))
    put(WAITS, waits.read_text(encoding="utf-8"))
    put("go.mod", _go_mod((source / "go.mod").read_text(encoding="utf-8"), closure.client_modules))
    for name in ("go.sum", "LICENSE"):
        shutil.copyfile(source / name, target / name)
    warning = unregistered(source, closure, clients)
    size = sum(path.stat().st_size for path in target.rglob("*.go"))
    line = f"{len(closure.packages)} packages, {len(closure.services)} services, {size >> 20} MiB of Go"
    return line + (f"; would panic if called: {', '.join(warning)}" if warning else "")
