"""The schema, prepared by many at once."""

from __future__ import annotations

import asyncio
import os

from guestbook.entries import Entries, pool_for
from guestbook.settings import from_environment


def test_preparing_the_schema_is_no_race(database: str) -> None:
    """None of eight that do it at the same moment fails, again and again on an empty schema."""

    async def prepare() -> None:
        pool = pool_for(from_environment({**os.environ, "DATABASE_NAME": database}))
        await pool.open()
        await pool.resize(8, 8)
        await pool.wait()
        for _ in range(5):
            await asyncio.gather(*(Entries(pool).prepare() for _ in range(8)))
            async with pool.connection() as connection:
                await connection.execute("DROP TABLE entries")
        await pool.close()

    asyncio.run(prepare())
