"""Elastic Container Registry: the API, and the image registry that Docker pushes to and pulls from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from localcloud.gateway.protocol import Api
from localcloud.services.ecr.access import Access
from localcloud.services.ecr.images import Images
from localcloud.services.ecr.registry import Registry
from localcloud.services.ecr.repositories import Repositories
from localcloud.services.ecr.storage import Storage

if TYPE_CHECKING:
    from localcloud.context import Context


class Ecr(Api):
    """The service "ecr". `registry` is the ASGI application of its image registry (paths under /v2/)."""

    api = "ecr"
    signing_name = "ecr"
    invalid_code = "InvalidParameterException"

    def __init__(self, ctx: Context) -> None:
        """Load repositories and images from the store and the blob folder."""
        self._storage = Storage(ctx)
        access = Access(ctx)
        super().__init__([Repositories(ctx, self._storage), Images(ctx, self._storage), access])
        self.registry = Registry(self._storage, access, ctx.iam)

    async def start(self) -> None:
        """Remove interrupted uploads."""
        await asyncio.to_thread(self._storage.forget_uploads)

    async def reset(self) -> None:
        """Remove all repositories and blobs."""
        await asyncio.to_thread(self._storage.clear)
