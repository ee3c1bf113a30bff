"""The image registry itself: the part of the OCI distribution specification that Docker's push and pull use."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from localcloud.gateway import limits
from localcloud.gateway.protocol import ApiError
from localcloud.services.ecr import allows
from localcloud.services.ecr.access import SECONDS
from localcloud.services.ecr.storage import MANIFEST_BYTES
from localcloud.services.ecr.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.types import Receive, Scope, Send

    from localcloud.iam.authority import Authority
    from localcloud.services.ecr.access import Access
    from localcloud.services.ecr.storage import Storage

NAME = r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
DIGEST = r"(?P<digest>sha256:[0-9a-f]{64})"
REFERENCE = r"(?P<reference>sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})"
LOG = logging.getLogger(__name__)
VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
CODES = {
    "RepositoryNotFoundException": ("NAME_UNKNOWN", 404),
    "ImageTagAlreadyExistsException": ("TAG_INVALID", 400),
    "LayersNotFoundException": ("MANIFEST_BLOB_UNKNOWN", 400),
    "UploadNotFoundException": ("BLOB_UPLOAD_UNKNOWN", 404),
    "InvalidLayerPartException": ("BLOB_UPLOAD_INVALID", 409),
    "ReferencedImagesNotFoundException": ("MANIFEST_BLOB_UNKNOWN", 400),
}
"""Registry error codes by API error code."""


class Registry:
    """The ASGI application for /v2/: requires a token of GetAuthorizationToken and permission by IAM."""

    def __init__(self, storage: Storage, access: Access, iam: Authority) -> None:
        """Serve the images in ECR's storage."""
        self._storage, self._access, self._iam = storage, access, iam
        self._uploads = Uploads(storage.uploads)
        self._routes: list[tuple[re.Pattern[str], dict[str, Callable[..., Coroutine[Any, Any, Response]]]]] = [
            (re.compile(r"/v2/?"), {"GET": self._ping}),
            (re.compile(r"/v2/token"), {"GET": self._token, "POST": self._token}),
            (re.compile(rf"/v2/{NAME}/blobs/uploads/?"), {"POST": self._begin}),
            (
                re.compile(rf"/v2/{NAME}/blobs/uploads/(?P<upload>[0-9a-f-]+)"),
                {"PATCH": self._append, "PUT": self._finish, "GET": self._progress, "DELETE": self._cancel},
            ),
            (re.compile(rf"/v2/{NAME}/blobs/{DIGEST}"), {"GET": self._blob, "HEAD": self._blob}),
            (
                re.compile(rf"/v2/{NAME}/manifests/{REFERENCE}"),
                {"GET": self._manifest, "HEAD": self._manifest, "PUT": self._put_manifest, "DELETE": self._delete},
            ),
            (re.compile(rf"/v2/{NAME}/tags/list"), {"GET": self._tags}),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.update(VERSION)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.url.path
        principal = self._access.principal(request.headers.get("authorization", ""))
        for pattern, methods in self._routes:
            found = pattern.fullmatch(path)
            if found and request.method in methods:
                name = found.groupdict().get("name")
                if path != "/v2/token":
                    if principal is None or not allows.is_known(self._iam, principal):
                        return self._challenge(request, name)
                    if refused := allows.refusal(self._iam, principal, request, name):
                        return problem("DENIED", 403, refused)
                try:
                    if "name" in found.groupdict():
                        self._storage.repository(found["name"])
                    return await methods[request.method](request, **found.groupdict())
                except ApiError as error:
                    return problem(*CODES.get(error.code, ("MANIFEST_INVALID", 400)), error.message)
                except ClientDisconnect:
                    raise limits.GoneError from None
                except OSError as error:
                    LOG.error("%s %s: %s", request.method, path, error)  # noqa: TRY400  one line says it
                    return problem("DENIED", 403, f"the registry cannot write: {error.strerror}: free some space")
        return problem("UNSUPPORTED", 404, f"{request.method} {path} is not part of the registry")

    @staticmethod
    def _challenge(request: Request, name: str | None) -> Response:
        realm = f'Bearer realm="{request.url.scheme}://{request.url.netloc}/v2/token",service="ecr"'
        scope = f',scope="repository:{name}:pull,push"' if name else ""
        answer = problem("UNAUTHORIZED", 401, "no valid token: log in with ECR's GetAuthorizationToken")
        answer.headers["WWW-Authenticate"] = realm + scope
        return answer

    async def _ping(self, _request: Request) -> Response:
        return JSONResponse({})

    async def _token(self, request: Request) -> Response:
        """Exchange a password for a bearer token."""
        principal = self._access.principal(request.headers.get("authorization", ""))
        if principal is None:
            return problem("UNAUTHORIZED", 401, "no basic auth credentials, or they have expired: get a token from ECR")
        token = self._access.issue(time.time() + SECONDS, principal)
        return JSONResponse({"token": token, "access_token": token, "expires_in": SECONDS})

    async def _begin(self, request: Request, name: str) -> Response:
        mounted = request.query_params.get("mount", "")
        source = request.query_params.get("from", "")
        principal = self._access.principal(request.headers.get("authorization", "")) or ""
        readable = re.fullmatch(NAME, source) and allows.reads(self._iam, principal, source)
        if re.fullmatch(DIGEST, mounted) and readable:
            path = self._storage.blob(source, mounted)
            if path.exists():
                await asyncio.to_thread(self._storage.copy_blob, source, name, mounted)
                return created(name, mounted)
        identifier = self._uploads.begin(name)
        if "digest" in request.query_params:
            return await self._finish(request, name, identifier)
        return self._accepted(identifier)

    def _accepted(self, identifier: str, status: int = 202) -> Response:
        upload = self._uploads.rows[identifier]
        headers = {
            "Location": f"/v2/{upload.repository}/blobs/uploads/{identifier}",
            "Docker-Upload-UUID": identifier,
            "Range": f"0-{max(upload.size - 1, 0)}",
        }
        return Response(status_code=status, headers=headers)

    async def _append(self, request: Request, name: str, upload: str) -> Response:
        held = self._uploads.find(name, upload)
        given = request.headers.get("content-range", f"{held.size}-")
        if given.removeprefix("bytes ").partition("-")[0] != str(held.size):
            return self._accepted(upload, 416)
        await self._uploads.receive(request, held)
        return self._accepted(upload)

    async def _progress(self, _request: Request, name: str, upload: str) -> Response:
        self._uploads.find(name, upload)
        return self._accepted(upload, 204)

    async def _cancel(self, _request: Request, name: str, upload: str) -> Response:
        self._uploads.find(name, upload)
        self._uploads.drop(upload)
        return Response(status_code=204)

    async def _finish(self, request: Request, name: str, upload: str) -> Response:
        held = self._uploads.find(name, upload)
        await self._uploads.receive(request, held)
        del self._uploads.rows[upload]
        digest = f"sha256:{held.hash.hexdigest()}"
        wanted = request.query_params.get("digest", "")
        if digest != wanted:
            held.path.unlink()
            return problem("DIGEST_INVALID", 400, f"the content's digest is {digest}, not {wanted}")
        target = self._storage.blob(name, digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        held.path.replace(target)
        return created(name, digest)

    async def _blob(self, request: Request, name: str, digest: str) -> Response:
        path = self._storage.blob(name, digest)
        if not path.exists():
            return problem("BLOB_UNKNOWN", 404, f"{name} has no blob {digest}")
        if request.method == "HEAD":
            path.touch()
        return FileResponse(path, media_type="application/octet-stream", headers={"Docker-Content-Digest": digest})

    async def _manifest(self, request: Request, name: str, reference: str) -> Response:
        image = self._storage.find(name, reference)
        if image is None:
            return problem("MANIFEST_UNKNOWN", 404, f"Requested image not found: {name} {reference}")
        if request.method == "GET":
            self._storage.pulled(image)
        headers = {"Docker-Content-Digest": image["digest"]}
        return FileResponse(self._storage.blob(name, image["digest"]), media_type=image["type"], headers=headers)

    async def _put_manifest(self, request: Request, name: str, reference: str) -> Response:
        body, _ = await limits.whole(request.receive, MANIFEST_BYTES, request.headers)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if ":" in reference and reference != digest:
            return problem("DIGEST_INVALID", 400, f"the manifest's digest is {digest}, not {reference}")
        tag = None if ":" in reference else reference
        self._storage.put(name, body, request.headers.get("content-type"), tag)
        return created(name, digest, "manifests")

    async def _delete(self, _request: Request, name: str, reference: str) -> Response:
        image = self._storage.find(name, reference)
        if image is None:
            return problem("MANIFEST_UNKNOWN", 404, f"Requested image not found: {name} {reference}")
        index = self._storage.index_of(image)
        if index and (":" in reference or image["tags"] == [reference]):
            return problem("DENIED", 403, f"{name} {reference} is named by index {index['digest']}: delete that first")
        if ":" in reference:
            self._storage.remove(image)
        else:
            self._storage.untag(image, reference)
        return Response(status_code=202)

    async def _tags(self, _request: Request, name: str) -> Response:
        tags = sorted(tag for image in self._storage.images(name) for tag in image["tags"])
        return JSONResponse({"name": name, "tags": tags})


def created(name: str, digest: str, kind: str = "blobs") -> Response:
    """Return the response to a completed upload."""
    headers = {"Location": f"/v2/{name}/{kind}/{digest}", "Docker-Content-Digest": digest}
    return Response(status_code=201, headers=headers)


def problem(code: str, status: int, message: str) -> Response:
    """Return an error in the specification's form."""
    return JSONResponse({"errors": [{"code": code, "message": message, "detail": {}}]}, status)
