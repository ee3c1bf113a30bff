"""Several services in one release: what is told of them, what is asked of each, what they go back to."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from delivery.deploying import answers, revisions, rollback
from delivery.deploying.revisions import Revision
from delivery.environment import Environment, Service
from delivery.errors import DeliveryError
from delivery.release import images, manifest
from delivery.release.manifest import Image, Manifest
from delivery.session import Session
from infra.aws import iam, permissions
from infra.aws.arns import Home
from infra.pipeline import stages
from tests import service_facts
from tests.unit.delivery.aws import Aws

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST = f"sha256:{'0' * 64}"
CONFIGURATION_LIMIT = 1000  # of a value of an action's configuration, says CodePipeline's guide ("Quotas")
ROLE_LIMIT = 10_240  # of all inline policies of a role, says IAM's guide ("IAM and AWS STS quotas")
WEB = service_facts.service("web", "prod")
API = service_facts.service("api", "prod", version_path="/api/version")
PROD = Environment(stack="prod", url="http://p", cluster="c", services=(API, WEB))


def released(names: list[str]) -> Manifest:
    """Return a release of services."""
    web = Image(repository="slipway/web", digest=DIGEST, version="a" * 40)
    return Manifest(commit="a" * 40, execution="e", services=dict.fromkeys(names, web))


@pytest.mark.parametrize("count", [1, 8, 12, 100])
def test_the_text_of_an_approval_fits_however_many_services_there_are(count: int) -> None:
    """With the longest of commits and domain names; release.json holds what had no room."""
    text = released([f"service-{number:03}" for number in range(count)]).text()
    asked = stages.approval(topic="t", minutes=5).configuration["CustomData"]
    longest = {"SourceVariables.CommitId": "a" * 64, "Build.RELEASE": text, "Acceptance.URL": f"https://{'d' * 253}"}
    for name, value in longest.items():
        asked = asked.replace(f"#{{{name}}}", value)
    assert len(asked) <= CONFIGURATION_LIMIT
    shown = manifest.shown(text)
    assert set(shown.values()) == {DIGEST}
    assert text.endswith(f"and {count - len(shown)} more") == (len(shown) < count)


def test_the_rights_of_a_build_that_deploys_twelve_services_fit_into_a_role() -> None:
    """AWS refuses the policy else, half-way through an update."""
    home = Home(partition="aws", region="eu-central-1", account="123456789012")
    names = [f"service-{number:02}" for number in range(12)]
    repositories = [home.repository(f"slipway/{name}") for name in names]
    statements = [
        *permissions.deploy(home, "production", names, repositories),
        permissions.tag_images(repositories),
        *permissions.pull_suites(repositories),
    ]
    assert len(json.dumps(iam.document(*statements), separators=(",", ":"))) < ROLE_LIMIT


def test_each_service_is_asked_for_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that tells another's is wrong, although that is part of the release too."""
    asked: list[str] = []

    def version(_: Environment, service: Service) -> tuple[str, str]:
        asked.append(service.version_path)
        return "v", "sha256:web"

    monkeypatch.setattr(answers, "version", version)
    wrong = answers.wrong_answers(PROD, {"web": ("v", "sha256:web"), "api": ("v", "sha256:api")}, {"web", "api"})
    assert wrong == "api: a wrong version is served: http://p/api/version tells v (sha256:web), not v (sha256:api)"
    assert answers.wrong_answers(PROD, {"web": ("v", "sha256:web"), "api": ("v", "sha256:web")}, {"web"}) is None
    assert set(asked) == {"/version", "/api/version"}


def test_what_is_served_names_the_commit_once() -> None:
    """Where all services have the same; else each with its own."""
    assert answers.told({"web": ("v", "d")}) == "v (d)"
    assert answers.told({"api": ("v", "d"), "web": ("v", "e")}) == "v (api@d web@e)"
    assert answers.told({"api": ("v", "d"), "web": ("w", "e")}) == "v (api@d), w (web@e)"


class Families:
    """The revisions of services' families, as a rollback finds them, newest first."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **revisions_of: list[tuple[str, str]]) -> None:
        """Take (commit, result) of each service's revisions, oldest first; the newest are of about one time."""
        self.held: dict[str, list[Revision]] = {}
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        for service, rows in revisions_of.items():
            moment += timedelta(minutes=1)
            self.held[f"prod-{service}"] = [
                self._made(service, number, commit, result, moment + timedelta(hours=number - len(rows)))
                for number, (commit, result) in enumerate(rows, 1)
            ]
        monkeypatch.setattr(revisions, "newest_first", self.newest_first)
        monkeypatch.setattr(images, "describe", lambda *_: {})

    def _made(self, service: str, number: int, commit: str, result: str, when: datetime) -> Revision:
        family = f"prod-{service}"
        definition: Any = {
            "taskDefinitionArn": f"arn:x/{family}:{number}",
            "family": family,
            "revision": number,
            "status": "ACTIVE",
            "registeredAt": when,
            "containerDefinitions": [{"name": service, "image": f"x@{DIGEST}"}],
        }
        tags = {revisions.COMMIT: commit, revisions.RESULT: result} if commit else {}
        return Revision(definition=definition, tags=tags, container=service)

    def newest_first(self, _: object, family: str, __: str) -> Iterator[Revision]:
        """Stand for revisions.newest_first."""
        return reversed(self.held[family])

    def choose(self, commit: str = "", **running: int) -> dict[str, str]:
        """Return the revisions that are chosen while services run these numbers."""
        back = rollback.Rollback(
            session=Session(clients=Aws(), environment=PROD, say=lambda _: None),
            commit=commit,
            stop_execution=False,
        )
        now = {service: self.held[f"prod-{service}"][number - 1] for service, number in running.items()}
        return {service: one.name for service, one in back._choose(now).items()}


FIRST, ONE, TWO, BAD = ("", ""), ("1" * 40, "passed"), ("2" * 40, "passed"), ("3" * 40, "failed")
HALF = ("3" * 40, "")


def test_a_rollback_goes_to_the_newest_release_that_was_good_in_all_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers of revisions say nothing: a service may have more of them."""
    families = Families(monkeypatch, web=[FIRST, ONE, ONE, BAD, TWO], api=[FIRST, ONE, TWO])
    assert families.choose(web=5, api=3) == {"web": "prod-web:3", "api": "prod-api:2"}
    assert families.choose("1111", web=5, api=3) == {"web": "prod-web:3", "api": "prod-api:2"}
    assert families.choose(web=3, api=2) == {"web": "prod-web:2", "api": "prod-api:2"}
    assert families.choose(web=2, api=2) == {"web": "prod-web:1", "api": "prod-api:1"}


def test_after_a_deploy_that_was_killed_the_service_it_did_not_reach_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else both would go back one release too far."""
    families = Families(monkeypatch, web=[FIRST, ONE, TWO], api=[FIRST, ONE, TWO, HALF])
    assert families.choose(web=3, api=4) == {"web": "prod-web:3", "api": "prod-api:3"}


def test_a_service_that_came_later_goes_back_to_its_first_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what served beside the release before."""
    families = Families(monkeypatch, web=[FIRST, ONE, TWO], api=[FIRST, TWO])
    assert families.choose(web=3, api=2) == {"web": "prod-web:2", "api": "prod-api:1"}


def test_a_release_that_was_not_good_in_all_services_is_none_to_go_back_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named as what was asked for."""
    families = Families(monkeypatch, web=[FIRST, ONE, BAD, TWO], api=[FIRST, ONE, BAD, TWO])
    assert families.choose(web=4, api=4) == {"web": "prod-web:2", "api": "prod-api:2"}
    with pytest.raises(DeliveryError, match="no good release of commit 3333"):
        families.choose("3333", web=4, api=4)


@pytest.mark.parametrize(("result", "stays"), [("passed", True), ("", False)])
def test_where_an_execution_had_deployed_nothing_before_it_was_stopped_what_is_good_stays(
    monkeypatch: pytest.MonkeyPatch, result: str, *, stays: bool
) -> None:
    """Else one release too many would be gone back; what it had begun is never good."""
    families = Families(monkeypatch, web=[FIRST, ONE], api=[FIRST, ("1" * 40, result)])
    lines: list[str] = []
    back = rollback.Rollback(
        session=Session(clients=Aws(), environment=PROD, say=lines.append), commit="", stop_execution=True
    )
    monkeypatch.setattr(rollback, "current", lambda _, service: families.held[service.release_family][-1])
    assert back._is_untouched("the-execution") is stays
    assert any("the-execution had deployed nothing yet" in line for line in lines) is stays


def test_a_manifest_of_many_services_is_written_whole(tmp_path: Path) -> None:
    """What had no room in the variable is in the file that is deployed."""
    made = released([f"service-{number}" for number in range(40)])
    made.write(tmp_path / "release.json")
    assert len(json.loads((tmp_path / "release.json").read_text())["services"]) == 40
    assert manifest.read(tmp_path / "release.json") == made
