"""An acceptance suite: fails unless the expected version is served, and for any version that ends with `bad`."""

import json
import os
import sys
import urllib.request

path = "/version" if os.environ["SERVICE"] == "web" else f"/{os.environ['SERVICE']}/version"
with urllib.request.urlopen(os.environ["BASE_URL"] + path) as answer:  # noqa: S310 - the url under test
    told = json.load(answer)
expected = {"commit": os.environ["EXPECTED_VERSION"], "digest": os.environ["EXPECTED_DIGEST"]}
print("served", told, "expected", expected)
sys.exit(told != expected or told["commit"].endswith("bad"))
