"""An acceptance suite: version, digest and processors are the expected ones, where one is expected."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

for _ in range(60):
    try:
        with urllib.request.urlopen(os.environ["BASE_URL"] + "/version") as answer:  # noqa: S310 - the url under test
            told = json.load(answer)
        break
    except urllib.error.URLError:
        time.sleep(1)
wanted = {"commit": "EXPECTED_VERSION", "digest": "EXPECTED_DIGEST", "machine": "EXPECTED_MACHINE"}
wrong = {key: told[key] for key, name in wanted.items() if os.environ.get(name) and told[key] != os.environ[name]}
print("told", told, "wrong", wrong)
failure = f'<failure message="{len(wrong)} wrong"/>' if wrong else ""
text = (
    f'<testsuite name="acceptance" tests="1" failures="{int(bool(wrong))}"><testcase name="told">{failure}</testcase>'
)
Path("/reports/acceptance.xml").write_text(f"{text}</testsuite>", "utf-8")
sys.exit(bool(wrong))
