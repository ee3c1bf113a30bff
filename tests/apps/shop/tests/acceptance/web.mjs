import assert from "node:assert/strict";
import { test } from "node:test";

import { get, isWhatWasDeployed } from "./outside.mjs";

test("the shop is open", async () => assert.deepEqual(await get("/"), { shop: "open" }));
test("it is what was deployed", () => isWhatWasDeployed("/version"));
