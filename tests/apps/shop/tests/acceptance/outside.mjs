// What both suites know: a url, and what should be served there.
import assert from "node:assert/strict";

const START_MS = 15_000; // a container that was just started does not listen yet
const end = Date.now() + START_MS;

async function ask(path) {
  for (;;) {
    try {
      return await fetch(process.env.BASE_URL + path);
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

export async function get(path) {
  const answer = await ask(path);
  assert.equal(answer.status, 200);
  return answer.json();
}

export async function isWhatWasDeployed(path) {
  const told = await get(path);
  if (process.env.EXPECTED_VERSION) assert.equal(told.commit, process.env.EXPECTED_VERSION);
  if (process.env.EXPECTED_DIGEST) assert.equal(told.digest, process.env.EXPECTED_DIGEST);
}
