"""The findings of checkov on plans of Terraform, as JSON; run by checkov's own Python, without network and telemetry.

usage: .checkov/venv/bin/python -I tests/checkov/judge.py PLAN...
"""

from __future__ import annotations

import json
import sys

from checkov.runner_filter import RunnerFilter
from checkov.terraform.plan_runner import Runner


def main(plans: list[str]) -> int:
    """Print `[check, name, plan, address, passed]` for each check of each resource; return 1 if a plan is unread.

    checkov's command line is passed over: it would look for a platform to report to.
    """
    report = Runner().run(files=plans, runner_filter=RunnerFilter(framework=["terraform_plan"]))
    findings = [
        [one.check_id, one.check_name, one.file_path.strip("/"), one.resource, passed]
        for passed, checks in ((True, report.passed_checks), (False, report.failed_checks))
        for one in checks
    ]
    print(json.dumps(findings))
    return 1 if report.parsing_errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
