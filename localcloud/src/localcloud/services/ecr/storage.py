"""The registry's storage: repositories and images as documents, blobs as files."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
import uuid
from typing import TYPE_CHECKING, Any

from localcloud.gateway import limits
from localcloud.gateway.protocol import ApiError
from localcloud.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from localcloud.context import Context

Doc = dict[str, Any]
YOUNG_SECONDS = 900
"""A blob younger than this may belong to a push in progress, so it is not garbage-collected."""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
KINDS = (
    MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
"""Accepted media types of manifests: Docker's and OCI's, of images and indexes."""
VERSION = 2
"""The only schemaVersion of these media types."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""OCI distribution specification, "Pulling manifests": the form of a tag."""
MANIFEST_BYTES = 4 * 2**20
"""OCI distribution specification, "Pushing manifests"; ECR's PutImage has the same limit."""


class Storage:
    """Repositories by name, images by repository and digest, and their blobs."""

    def __init__(self, ctx: Context) -> None:
        """Load repositories and images from the store."""
        self.repositories = Table(ctx.store, "ecr-repository")
        self._images = Table(ctx.store, "ecr-image")
        self._folder = ctx.state_dir / "registry"
        self.uploads = self._folder / "uploads"
        self.uploads.mkdir(parents=True, exist_ok=True)
        self._account = ctx.account

    def repository(self, name: str) -> Doc:
        """Return a repository.

        Raises:
            ApiError: the repository does not exist.
        """
        found = self.repositories.get(name)
        if found is None:
            text = f"The repository with name '{name}' does not exist in the registry with id '{self._account}'"
            raise ApiError("RepositoryNotFoundException", text)
        return found

    def images(self, repository: str) -> list[Doc]:
        """Return a repository's images, oldest first."""
        return [image for image in self._images.values() if image["repository"] == repository]

    def find(self, repository: str, reference: str) -> Doc | None:
        """Return the image with the digest or tag, or None."""
        if ":" in reference:
            return self._images.get(f"{repository}@{reference}")
        return next((image for image in self.images(repository) if reference in image["tags"]), None)

    def manifest(self, image: Doc) -> bytes:
        """Return an image's manifest as it was pushed."""
        return self.blob(image["repository"], image["digest"]).read_bytes()

    def put(self, repository: str, manifest: bytes, kind: str | None, tag: str | None) -> Doc:
        """Store a manifest and its tag.

        Args:
            repository: the name of an existing repository.
            manifest: the manifest as sent.
            kind: its media type; None: the one in the manifest.
            tag: the tag to set, or None.

        Raises:
            ApiError: the tag is immutable and names another image, a layer is missing, or the manifest is invalid.
        """
        if tag and not TAG.fullmatch(tag):
            raise ApiError("InvalidParameterException", f"{tag[:140]!r} is no tag: it has to match {TAG.pattern}")
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        held = self.find(repository, tag) if tag else None
        moved = tag and held is not None and held["digest"] != digest
        if tag and moved:
            self._refuse_immutable(repository, tag)
        image = self.find(repository, digest)
        if image is None:
            image = self._new_image(repository, digest, manifest, kind)
        if held is not None and moved:  # last: a refused manifest must not remove the tag
            held["tags"].remove(tag)
            self._images.save(f"{repository}@{held['digest']}")
        if tag and tag not in image["tags"]:
            image["tags"].append(tag)
        return self._images.put(f"{repository}@{digest}", image)

    def _refuse_immutable(self, repository: str, tag: str) -> None:
        if not self.is_immutable(self.repository(repository), tag):
            return
        text = (
            f"The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because "
            "the tag is immutable."
        )
        raise ApiError("ImageTagAlreadyExistsException", text)

    @staticmethod
    def is_immutable(repository: Doc, tag: str) -> bool:
        """Tell whether a repository's tag may not be moved; `*` in its exclusion filters stands for anything."""
        mutability = repository["imageTagMutability"]
        filters = [each["filter"] for each in repository.get("imageTagMutabilityExclusionFilters") or []]
        excluded = any(matches(tag, each) for each in filters)
        return bool(mutability == "IMMUTABLE" or (mutability == "IMMUTABLE_WITH_EXCLUSION" and not excluded)
                    or (mutability == "MUTABLE_WITH_EXCLUSION" and excluded))  # fmt: skip

    def _new_image(self, repository: str, digest: str, manifest: bytes, kind: str | None) -> Doc:
        content = checked(manifest)
        kind = kind_of(content, kind)
        needed = list(parts(content))
        size = sum(part["size"] for part in needed)
        named = [part["digest"] for part in content.get("manifests") or []]
        held = {digest: self.find(repository, digest) for digest in named}
        if missing := [digest for digest, image in held.items() if image is None]:
            text = f"The image {missing[0]} that the manifest list names does not exist in '{repository}'"
            raise ApiError("ReferencedImagesNotFoundException", text)
        for part in needed:
            blob = self.blob(repository, part["digest"])
            if not blob.exists():
                raise ApiError("LayersNotFoundException", f"{part['digest']} was not pushed to '{repository}'")
            if blob.stat().st_size != part["size"]:
                text = f"{part['digest']} has {blob.stat().st_size} bytes, the manifest says {part['size']}"
                raise ApiError("InvalidParameterException", text)
        self.write_blob(repository, digest, manifest)
        artifact = content.get("artifactType") or (content.get("config") or {}).get("mediaType") or kind
        if named:
            # As the API reference says: the size of the largest image.
            size, artifact = max(image["size"] for image in held.values() if image), content.get("artifactType")
        return {
            "repository": repository, "digest": digest, "tags": [], "pushed": time.time(), "type": kind,
            "artifact": artifact, "size": size,
        }  # fmt: skip

    def index_of(self, image: Doc) -> Doc | None:
        """Return an index that references the image, or None: then the image may be removed."""
        others = [one for one in self.images(image["repository"]) if one["digest"] != image["digest"]]
        return next((one for one in others if image["digest"] in self._digests(one)), None)

    def remove(self, image: Doc) -> None:
        """Remove an image and the blobs that no other image of its repository references."""
        self._images.delete(f"{image['repository']}@{image['digest']}")
        needed = {digest for other in self.images(image["repository"]) for digest in self._digests(other)}
        for digest in self._digests(image) - needed:
            path = self.blob(image["repository"], digest)
            if path.exists() and (digest == image["digest"] or time.time() - path.stat().st_mtime > YOUNG_SECONDS):
                path.unlink()

    def untag(self, image: Doc, tag: str) -> None:
        """Remove a tag; an image is removed with its last tag, as on AWS."""
        image["tags"].remove(tag)
        self._images.save(f"{image['repository']}@{image['digest']}")
        if not image["tags"]:
            self.remove(image)

    def _digests(self, image: Doc) -> set[str]:
        path = self.blob(image["repository"], image["digest"])
        content = json.loads(path.read_bytes()) if path.exists() else {}
        return {image["digest"], *(part["digest"] for part in parts(content))}

    def pulled(self, image: Doc) -> None:
        """Record the time of a pull."""
        image["last_pull"] = time.time()
        self._images.save(f"{image['repository']}@{image['digest']}")

    def blob(self, repository: str, digest: str) -> Path:
        """Return the file of a blob.

        Raises:
            ApiError: the digest is invalid; it must not be used as a path.
        """
        if not DIGEST.fullmatch(digest):
            raise ApiError(
                "InvalidParameterException", f"{digest[:80]!r} is no digest: sha256: and 64 digits are right"
            )
        return self._folder / "repositories" / repository.replace("/", "%") / digest.replace(":", "-")

    def write_blob(self, repository: str, digest: str, content: bytes) -> None:
        """Write a blob atomically."""
        path = self.blob(repository, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = self.uploads / digest.replace(":", "-")
        new.write_bytes(content)
        new.replace(path)

    def copy_blob(self, source: str, target: str, digest: str) -> None:
        """Copy a blob to another repository, atomically. Blocking."""
        new = self.uploads / f"{digest.replace(':', '-')}-{uuid.uuid4().hex}"
        place = self.blob(target, digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.blob(source, digest), new)
        new.replace(place)

    def remove_repository(self, name: str) -> None:
        """Remove a repository with its images and blobs."""
        for image in self.images(name):
            self._images.delete(f"{name}@{image['digest']}")
        self.repositories.delete(name)
        shutil.rmtree(self._folder / "repositories" / name.replace("/", "%"), ignore_errors=True)

    def forget_uploads(self) -> None:
        """Remove uploads that were in progress when the process ended; clients start them again."""
        shutil.rmtree(self.uploads, ignore_errors=True)
        self.uploads.mkdir(parents=True)

    def clear(self) -> None:
        """Remove everything."""
        for repository in self.repositories.values():
            self.remove_repository(repository["repositoryName"])


def checked(manifest: bytes) -> Doc:
    """Return a validated manifest's content.

    Raises:
        ApiError: it is too large, not JSON, or a descriptor lacks a valid digest and size.
    """
    if len(manifest) > MANIFEST_BYTES:
        raise ApiError("InvalidParameterException", f"an image manifest may have {MANIFEST_BYTES} bytes at most")
    try:
        content: Doc = limits.decoded(manifest)
        rows = list(parts(content))
        good = all(DIGEST.fullmatch(row["digest"]) and type(row["size"]) is int and row["size"] >= 0 for row in rows)
        good = good and isinstance(content.get("mediaType", ""), str) and content.get("schemaVersion") == VERSION
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        text = f"the image manifest is invalid: {type(error).__name__}: {error}"
        raise ApiError("InvalidParameterException", text) from error
    if not good:
        text = "the image manifest is invalid: it needs schemaVersion 2, and digest and size of each part"
        raise ApiError("InvalidParameterException", text)
    return content


def kind_of(content: Doc, sent: str | None) -> str:
    """Return a manifest's media type, given in the manifest or by the client.

    Raises:
        ApiError: it is not a manifest's media type, or the two differ.
    """
    kind = (sent or content.get("mediaType") or MANIFEST).partition(";")[0].strip()
    if kind not in KINDS or content.get("mediaType", kind) != kind:
        text = f"a manifest of type {content.get('mediaType', '(none)')} was sent as {kind}; right is one of "
        raise ApiError("InvalidParameterException", text + ", ".join(KINDS))
    return kind


def parts(manifest: Doc) -> Iterator[Doc]:
    """Yield the descriptors in a manifest or index: configuration, layers, manifests."""
    if manifest.get("config"):
        yield manifest["config"]
    yield from manifest.get("layers") or []
    yield from manifest.get("manifests") or []


def matches(tag: str, pattern: str) -> bool:
    """Tell whether a tag matches an exclusion filter's wildcard."""
    first, *rest = pattern.split("*")
    if not rest:
        return tag == pattern
    if not tag.startswith(first):
        return False
    position = len(first)
    for piece in rest[:-1]:
        found = tag.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return tag.endswith(rest[-1]) and len(tag) - len(rest[-1]) >= position
