import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { server, version } from "../../src/server.mjs";

test("a version is what the environment says, or null", () => {
  assert.deepEqual(version({ APP_VERSION: "1a2b3c4", IMAGE_DIGEST: "sha256:0" }), { commit: "1a2b3c4", digest: "sha256:0" });
  assert.deepEqual(version({}), { commit: null, digest: null });
});

test("what is not there is not found", async () => {
  const made = server({ "/": () => ({}) }).listen(0, "127.0.0.1");
  await once(made, "listening");
  try {
    const url = `http://127.0.0.1:${made.address().port}`;
    assert.equal((await fetch(`${url}/?page=1`)).status, 200);
    assert.equal((await fetch(`${url}/none`)).status, 404);
  } finally {
    made.close();
    made.closeAllConnections();
  }
});
