import assert from "node:assert/strict";
import { test } from "node:test";

import { total } from "../../src/prices.mjs";

test("prices are added up", () => assert.equal(total([250, 250, 99]), 599));
test("nothing costs nothing", () => assert.equal(total([]), 0));
