"""Two stacks of one name in two regions of an account."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from infra import clients
from infra.live import account_names, resources, restore, service_linked
from infra.live import stack as live_stack
from infra.live.records import Standing
from tests.unit.infra.test_changes import facts, load

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = "eu-central-1"


def account(dashboards: dict[str, str], code: str = "ResourceNotFound") -> Callable[[str], Any]:
    """Return the clients of an account with dashboards, given by their regions."""

    def get_dashboard(DashboardName: str) -> dict[str, str]:  # noqa: N803 - as the API names it
        if DashboardName not in dashboards:
            raise ClientError({"Error": {"Code": code}}, "GetDashboard")
        graph = {"properties": {"region": dashboards[DashboardName], "title": "x"}}
        return {"DashboardBody": json.dumps({"widgets": [graph, graph]})}

    return {"cloudwatch": SimpleNamespace(get_dashboard=get_dashboard)}.__getitem__


def check(dashboards: dict[str, str], *, up: dict[str, Any] | None = None, code: str = "ResourceNotFound") -> None:
    """Check a new stack, or one that is up."""
    account_names.check(account(dashboards, code), load(), Standing({} if up is None else up))


def test_a_new_stack_whose_name_is_taken_in_another_region_is_refused_before_anything_is_created() -> None:
    """It would overwrite the dashboard of the first one, without a word."""
    with pytest.raises(pulumi.RunError) as refused:
        check({"slipway-staging": "us-east-1"})
    assert str(refused.value) == (
        "the account has the dashboard slipway-staging, of a stack in us-east-1; names of dashboards and of IAM roles "
        "are the account's, not the region's; give this stack another name: pulumi stack init NAME"
    )


def test_a_first_up_that_failed_finds_its_own_dashboard() -> None:
    """And one of another name is no matter."""
    check({"slipway-staging": HERE})
    check({"slipway-prod": "us-east-1"})


def test_a_stack_that_stands_keeps_its_names() -> None:
    """Whatever the dashboard has become."""
    check({"slipway-staging": "us-east-1"}, up={"web": facts()})


def test_who_may_not_look_at_dashboards_is_not_kept_from_anything() -> None:
    """The role for previews may not."""
    check({}, code="AccessDenied")


def test_every_run_looks_at_the_names_before_it_declares_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview, too."""
    monkeypatch.setattr(clients, "of", lambda _: account({"slipway-staging": "us-east-1"}))
    monkeypatch.setattr(resources, "read", lambda *_: None)
    for module in (restore, service_linked):
        monkeypatch.setattr(module, "check", lambda *_: None)
    with pytest.raises(pulumi.RunError, match="of a stack in us-east-1"):
        live_stack.read(load(), Standing({}))
