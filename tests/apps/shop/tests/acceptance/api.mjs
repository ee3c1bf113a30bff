import assert from "node:assert/strict";
import { test } from "node:test";

import { get, isWhatWasDeployed } from "./outside.mjs";

test("a total is told", async () => assert.deepEqual(await get("/api/total"), { total: 599 }));
test("it is what was deployed", () => isWhatWasDeployed("/api/version"));
