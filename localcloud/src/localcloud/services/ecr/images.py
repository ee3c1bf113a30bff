"""The API's operations on images."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from localcloud.gateway.protocol import ApiError

if TYPE_CHECKING:
    from localcloud.context import Context
    from localcloud.services.ecr.storage import Storage

Params = dict[str, Any]
PAGE = 1000


class Images:
    """Images by digest and tag."""

    def __init__(self, ctx: Context, storage: Storage) -> None:
        """Use ECR's storage."""
        self._ctx, self._storage = ctx, storage

    def put_image(self, params: Params) -> Params:
        """Handle PutImage: add a manifest, or a tag to an existing one."""
        name, tag = params["repositoryName"], params.get("imageTag")
        self._storage.repository(name)
        manifest = params["imageManifest"].encode()
        held = self._storage.find(name, tag) if tag else None
        if held is not None and self._storage.manifest(held) == manifest:
            text = f"Image with digest '{held['digest']}' and tag '{tag}' already exists in the repository '{name}'"
            raise ApiError("ImageAlreadyExistsException", text)
        digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        if params.get("imageDigest", digest) != digest:
            raise ApiError("ImageDigestDoesNotMatchException", f"The manifest's digest is {digest}")
        image = self._storage.put(name, manifest, params.get("imageManifestMediaType"), tag)
        return {"image": self._image(image, tag)}

    def batch_get_image(self, params: Params) -> Params:
        """Handle BatchGetImage."""
        found, failures = self._pick(params)
        return {"images": [self._image(image, each.get("imageTag")) for each, image in found], "failures": failures}

    def _image(self, image: Params, tag: str | None) -> Params:
        return {
            "registryId": self._ctx.account,
            "repositoryName": image["repository"],
            "imageId": {"imageDigest": image["digest"], "imageTag": tag},
            "imageManifest": self._storage.manifest(image).decode(),
            "imageManifestMediaType": image["type"],
        }

    def batch_delete_image(self, params: Params) -> Params:
        """Handle BatchDeleteImage: a tag removes the tag (the last one also the image), a digest the image."""
        found, failures = self._pick(params)
        deleted = []
        # As before the call: deleting an index and the images that it references takes two calls, in this order.
        indexes = {image["digest"]: self._storage.index_of(image) for _, image in found}
        for each, image in found:
            whole = "imageDigest" in each or image["tags"] == [each["imageTag"]]
            if whole and (index := indexes[image["digest"]]):
                reason = f"Requested image referenced by manifest list: [{index['digest']}]"
                code = "ImageReferencedByManifestList"
                failures.append({"imageId": each, "failureCode": code, "failureReason": reason})
                continue
            if "imageDigest" in each:
                self._storage.remove(image)
            else:
                self._storage.untag(image, each["imageTag"])
            deleted.append({"imageDigest": image["digest"], "imageTag": each.get("imageTag")})
        return {"imageIds": deleted, "failures": failures}

    def _pick(self, params: Params) -> tuple[list[tuple[Params, Params]], list[Params]]:
        """Return pairs of identifier and image for the requested images, and failures for missing ones."""
        name = params["repositoryName"]
        self._storage.repository(name)
        found, failures = [], []
        for each in params["imageIds"]:
            image = self._find(name, each)
            if image is None:
                failures.append(
                    {"imageId": each, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}
                )
            else:
                found.append((each, image))
        return found, failures

    def _find(self, name: str, identifier: Params) -> Params | None:
        digest, tag = identifier.get("imageDigest"), identifier.get("imageTag")
        if not digest and not tag:
            raise ApiError("InvalidParameterException", "an image identifier needs imageDigest or imageTag")
        image = self._storage.find(name, digest or str(tag))
        return image if image is None or not tag or tag in image["tags"] else None

    def list_images(self, params: Params) -> Params:
        """Handle ListImages: an entry for each tag, one for an untagged image."""
        entries = [
            {"imageDigest": image["digest"], "imageTag": tag}
            for image in self._wanted(params)
            for tag in (image["tags"] or [None])
        ]
        return page("imageIds", entries, params)

    def describe_images(self, params: Params) -> Params:
        """Handle DescribeImages; a missing image is an error."""
        name = params["repositoryName"]
        images = self._wanted(params)
        if params.get("imageIds"):
            found, failures = self._pick(params)
            if failures:
                text = f"The image with imageId {failures[0]['imageId']} does not exist within the repository '{name}'"
                raise ApiError("ImageNotFoundException", text)
            images = list({image["digest"]: image for _, image in found}.values())
        return page("imageDetails", [self._detail(image) for image in images], params)

    def _wanted(self, params: Params) -> list[Params]:
        name = params["repositoryName"]
        self._storage.repository(name)
        status = (params.get("filter") or {}).get("tagStatus", "ANY")
        return [
            image
            for image in self._storage.images(name)
            if status in ("ANY", "TAGGED" if image["tags"] else "UNTAGGED")
        ]

    def _detail(self, image: Params) -> Params:
        return {
            "registryId": self._ctx.account,
            "repositoryName": image["repository"],
            "imageDigest": image["digest"],
            "imageTags": image["tags"] or None,
            "imageSizeInBytes": image["size"],
            "imagePushedAt": image["pushed"],
            "imageManifestMediaType": image["type"],
            "artifactMediaType": image["artifact"],
            "lastRecordedPullTime": image.get("last_pull"),
        }

    def describe_image_scan_findings(self, params: Params) -> Params:
        """Handle DescribeImageScanFindings by an error: images are not scanned here."""
        raise ApiError("ScanNotFoundException", f"the local cloud scans no images: {params['repositoryName']}")

    def batch_check_layer_availability(self, params: Params) -> Params:
        """Handle BatchCheckLayerAvailability."""
        name = params["repositoryName"]
        self._storage.repository(name)
        layers = []
        for digest in params["layerDigests"]:
            path = self._storage.blob(name, digest)
            size = path.stat().st_size if path.exists() else None
            state = "UNAVAILABLE" if size is None else "AVAILABLE"
            layers.append({"layerDigest": digest, "layerAvailability": state, "layerSize": size})
        return {"layers": layers, "failures": []}


def page(member: str, items: list[Params], params: Params) -> Params:
    """Return one page of a listing; the next token is the next item's number."""
    token = params.get("nextToken") or "0"
    if not (token.isascii() and token.isdecimal()):
        raise ApiError("InvalidParameterException", f"{token[:40]!r} is no token that a listing gave")
    start = int(token)
    end = start + int(params.get("maxResults") or PAGE)
    return {member: items[start:end], "nextToken": str(end) if end < len(items) else None}
