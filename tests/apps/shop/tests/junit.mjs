// A reporter of node:test that writes JUnit XML, which older versions of node do not have.
const escape = (text) => String(text).replace(/[<>&"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export default async function* junit(events) {
  const cases = [];
  for await (const { type, data } of events) {
    // A file is reported as a test of its own name; it says something new only when it fails.
    if (type === "test:pass" && !data.name.endsWith(".mjs")) cases.push([data, ""]);
    if (type === "test:fail") cases.push([data, `<failure message="${escape(data.details.error?.message)}"/>`]);
  }
  const failures = cases.filter(([, failure]) => failure).length;
  yield `<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="shop" tests="${cases.length}" `;
  yield `failures="${failures}" errors="0" skipped="0">\n`;
  for (const [data, failure] of cases) {
    const seconds = (data.details.duration_ms / 1000).toFixed(3);
    yield `<testcase classname="shop" name="${escape(data.name)}" time="${seconds}">${failure}</testcase>\n`;
  }
  yield "</testsuite></testsuites>\n";
}
