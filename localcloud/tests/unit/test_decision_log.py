"""The decision log has each different decision once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localcloud.iam import decision_log
from localcloud.iam.policies import Ask

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

READ = Ask(action="s3:GetObject", resource="arn:aws:s3:::one/a", keys={"aws:sourceip": "127.0.0.1"})


def test_a_decision_is_written_once_and_with_what_it_was_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated requests do not fill the disk; what was forgotten is written again."""
    log = decision_log.DecisionLog(tmp_path / "decisions.jsonl")
    log.write("arn:role", READ, "")
    log.write("arn:role", READ, "")
    log.write("arn:role", READ, "because")
    monkeypatch.setattr(decision_log, "REMEMBERED", 2)
    log.write("arn:other", READ, "")
    log.write("arn:role", READ, "")
    rows = [json.loads(line) for line in (tmp_path / "decisions.jsonl").read_text("utf-8").splitlines()]
    assert [(row["role"], row["refused"]) for row in rows] == [
        ("arn:role", ""), ("arn:role", "because"), ("arn:other", ""), ("arn:role", ""),
    ]  # fmt: skip
    assert {row["action"] for row in rows} == {"s3:GetObject"}
    assert rows[0]["keys"] == {"aws:sourceip": "127.0.0.1"}
    assert rows[0]["resource"] == "arn:aws:s3:::one/a"
