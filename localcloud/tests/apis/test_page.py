"""The page at the root of the port: who may see it, what it escapes, what its forms do."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.requests import Request

from localcloud.gateway.protocol import ApiError
from localcloud.page import guard
from localcloud.page.markup import escaped, link, tag
from localcloud.page.operations import Operations
from localcloud.page.served import Page
from support.attacker import Attacker
from support.cloud import Site
from support.pipelines import Works, approval, build, gate, stage
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message

    from support.cloud import Cloud

HTML = {"accept": "text/html,application/xhtml+xml"}
HERE: dict[str, Any] = {"client": ("127.0.0.1", 5), "server": ("127.0.0.1", 4566)}
HOSTILE = "<script>alert(1)</script>"


class Empty:
    """An API of an account in which there is nothing, or that refuses."""

    def __init__(self, error: ApiError | None = None) -> None:
        """Take the error with which everything is refused, if it is."""
        self.error, self.calls = error, list[str]()

    async def call(self, name: str, _params: dict[str, Any]) -> dict[str, Any]:
        """Return empty lists."""
        self.calls.append(name)
        if self.error is not None:
            raise self.error
        return {"pipelines": [], "clusterArns": [], "LoadBalancers": [], "builds": []}


def page(api: Empty | None = None) -> Page:
    """Return a page whose APIs are all one."""
    apis = dict.fromkeys(("codepipeline", "codebuild", "ecs", "elbv2"), api or Empty())
    health = {"ready": True, "failed": {}}
    return Page(Operations(apis, lambda: None), "http://127.0.0.1:4566", "Account 1", lambda: health)


def ask(
    served: Page, method: str, path: str, body: bytes = b"", scope: dict[str, Any] | None = None, **headers: str
) -> httpx.Response:
    """Send a request to a page without a network; headers with `_` for `-`."""
    own = {"host": "127.0.0.1:4566", **HTML} | {name.replace("_", "-"): text for name, text in headers.items()}
    rows = [(name.encode(), text.encode()) for name, text in own.items()]
    where, _, query = path.partition("?")
    full = {"type": "http", "method": method, "path": where, "query_string": query.encode(), "headers": rows} | HERE
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        request = Request(full | (scope or {}), receive)
        await (await served(request))(request.scope, receive, send)

    asyncio.run(run())
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=text)


def token(served: Page) -> str:
    """Return the secret in the page's forms."""
    return served._token.value


def form(served: Page, name: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    """Send a form."""
    body = urlencode({"form_token": token(served), **fields}).encode()
    headers = {"content_type": "application/x-www-form-urlencoded", **headers}
    return ask(served, "POST", f"/_localcloud/page/{name}", body, None, **headers)


def test_what_is_put_into_html_is_escaped_once() -> None:
    """Text, attributes and terminal sequences; HTML that was made by `tag` is left as it is."""
    assert escaped([HOSTILE, None, 5]) == "&lt;script&gt;alert(1)&lt;/script&gt;5"
    assert tag("p", tag("b", "<"), title='"><', hidden=True, id=None) == (
        '<p title="&quot;&gt;&lt;" hidden><b>&lt;</b></p>'
    )
    assert escaped("a\x1b[31mred\x1b[0m\x00\n") == "ared\n"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil.example/x", "http://[", "x"])
def test_an_address_that_is_no_web_page_is_no_link(address: str) -> None:
    """What a pipeline's configuration links to was written by others."""
    assert link(address, address) == escaped(address)
    assert "href" in link("https://example.org/a", "a")


def test_an_empty_account_is_told_what_to_do_next() -> None:
    """Each section says which operation makes the first of its kind."""
    found = ask(page(), "GET", "/")
    assert found.status_code == 200
    for words in ("No pipeline yet. CreatePipeline", "No cluster yet. CreateCluster", "CreateLoadBalancer"):
        assert words in found.text


def test_a_section_that_cannot_be_read_says_why() -> None:
    """In the service's words, escaped."""
    found = ask(page(Empty(ApiError("InternalFailure", HOSTILE))), "GET", "/")
    assert found.status_code == 200
    assert found.text.count("InternalFailure: &lt;script&gt;") == 3
    assert HOSTILE not in found.text


def test_every_response_forbids_what_the_page_does_not_need() -> None:
    """No other origin's content, no frame, no inline script or style, no copy in a cache."""
    for path in ("/", "/_localcloud/page/style.css", "/_localcloud/page/none", "/_localcloud/page/retry"):
        headers = ask(page(), "GET", path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
    text = ask(page(), "GET", "/").text
    assert not re.search(r"<style|<script(?! src)| on[a-z]+=| style=", text)


@pytest.mark.parametrize(
    ("scope", "host"),
    [
        ({"server": ("172.31.250.1", 4566)}, "127.0.0.1:4566"),
        ({"client": ("172.31.250.7", 5)}, "127.0.0.1:4566"),
        ({}, "evil.example:4566"),
        ({}, "127.0.0.1.evil.example"),
        ({}, "intranet"),
        ({}, "172.31.250.1:4566"),
    ],
)
def test_only_this_machine_sees_the_page_under_its_own_name(scope: dict[str, Any], host: str) -> None:
    """Not containers, not the address of the Docker network, not a name that was bound to this machine."""
    assert ask(page(), "GET", "/", scope=scope, host=host).status_code == 403
    assert ask(page(), "POST", "/_localcloud/page/retry", scope=scope, host=host).status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "LOCALHOST", "[::1]:8080"])
def test_any_name_of_this_machine_will_do(host: str) -> None:
    """With any port, as a forwarded one has another."""
    assert ask(page(), "GET", "/", host=host).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8080"},
        {"origin": "null"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:4566"},
        {"content_type": "text/plain"},
    ],
)
def test_a_form_of_another_web_page_changes_nothing(headers: dict[str, str]) -> None:
    """Another port of this machine is another page: what is deployed here may serve anything."""
    api = Empty()
    refused = form(page(api), "retry", {}, **headers)
    assert (refused.status_code, api.calls) == (403, [])


def test_a_form_without_the_secret_of_this_process_changes_nothing() -> None:
    """Whoever cannot read the page does not know it; after a restart it is another one."""
    api = Empty()
    fields = {"form_token": "x", "serviceDeploymentArn": "a/b/c"}
    refused = form(page(api), "deployment", fields)
    assert (refused.status_code, api.calls) == (403, [])
    assert "started again" in refused.text
    assert form(page(api), "deployment", {"serviceDeploymentArn": "a/b/c/d"}).status_code == 303
    assert api.calls == ["StopServiceDeployment"]


def test_a_refusal_is_told_in_the_words_of_the_service() -> None:
    """After the browser was led back to the page; a made-up key shows nothing."""
    served = page(Empty(ApiError("ConflictException", f"it is over {HOSTILE}")))
    led = form(served, "deployment", {"serviceDeploymentArn": "a/b/c"}, origin="http://127.0.0.1:4566")
    shown = ask(served, "GET", led.headers["location"]).text
    assert "Nothing was changed. The deployment is over" in shown
    assert "ConflictException: it is over &lt;script&gt;" in shown
    assert 'role="status"' not in ask(served, "GET", "/?outcome=Call+555").text
    assert "no field" in ask(served, "GET", form(served, "retry", {}).headers["location"]).text


def test_other_methods_and_addresses_are_refused() -> None:
    """With what is taken instead."""
    assert ask(page(), "GET", "/_localcloud/page/approval").headers["allow"] == "POST"
    assert ask(page(), "POST", "/").status_code == 405
    assert ask(page(), "DELETE", "/_localcloud/page/style.css").status_code == 405
    assert ask(page(), "GET", "/_localcloud/page/../server.py").status_code == 404
    assert ask(page(), "GET", "/_localcloud/page/log?build=a:b").status_code == 404


@pytest.mark.parametrize(
    ("method", "query", "headers", "service"),
    [
        ("GET", b"", {"accept": "*/*"}, ""),
        ("GET", b"", {}, ""),
        ("POST", b"", HTML, ""),
        ("GET", b"Action=ListUsers", HTML, ""),
        ("GET", b"a=b&X-Amz-Signature=1", HTML, ""),
        ("GET", b"", HTML | {"authorization": "AWS4-HMAC-SHA256 x"}, ""),
        ("GET", b"", HTML | {"x-amz-target": "a.B"}, ""),
        ("GET", b"", HTML, "s3"),
    ],
)
def test_what_an_aws_client_asks_for_is_not_the_page(
    method: str, query: bytes, headers: dict[str, str], service: str
) -> None:
    """At the same address: only a browser asks for HTML without a signature."""
    scope = {"method": method, "path": "/", "query_string": query}
    assert not guard.is_for_page(service, scope, headers)
    assert guard.is_for_page("", {"method": "GET", "path": "/", "query_string": b"outcome=x"}, HTML)


class Browser:
    """Reads the page of a local cloud and sends its forms, as a browser without JavaScript does."""

    def __init__(self, cloud: Cloud) -> None:
        """Open no connection yet."""
        base = f"http://127.0.0.1:{cloud.environment['LOCALCLOUD_PORT']}"
        self._client = httpx.Client(base_url=base, headers=HTML, follow_redirects=True, trust_env=False, timeout=60)

    def see(self) -> str:
        """Return the page."""
        return self._client.get("/").raise_for_status().text

    def forms(self, name: str) -> list[dict[str, str]]:
        """Return the hidden fields of the forms with a name on the page."""
        found = re.findall(rf'<form [^>]*action="/_localcloud/page/{name}".*?</form>', self.see(), re.DOTALL)
        return [dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text)) for text in found]

    def send(self, name: str, fields: dict[str, str]) -> str:
        """Send a form; return the outcome."""
        text = self._client.post(f"/_localcloud/page/{name}", data=fields).raise_for_status().text
        return str(next(iter(re.findall(r'role="status"[^>]*>([^<]*)<', text))))

    def log(self, build_id: str) -> str:
        """Return the log of a build, read to its end."""
        return self._client.get("/_localcloud/page/log", params={"build": build_id}).raise_for_status().text


@pytest.fixture(scope="module")
def works(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A repository, a project and a connection."""
    made = Works(cloud, tmp_path_factory.mktemp("page"), "page")
    yield made
    for row in made.pipelines.list_pipelines()["pipelines"]:
        made.pipelines.delete_pipeline(name=row["name"])


def test_an_approval_is_given_once_on_the_page(works: Works, cloud: Cloud) -> None:
    """The pipeline goes on; the second answer changes nothing and says so; notes of others are escaped."""
    browser = Browser(cloud)
    waits = {"name": "Gate", "actions": [approval(CustomData=HOSTILE, ExternalEntityLink="javascript:alert(1)")]}
    line = works.line("page-approval", waits, stage("After", "true"))
    (fields,) = until(lambda: browser.forms("approval"))
    shown = browser.see()
    assert HOSTILE not in shown
    assert "&lt;script&gt;" in shown
    assert 'href="javascript' not in shown
    answer = {**fields, "status": "Approved", "summary": "looks good"}
    assert browser.send("approval", answer) == "Approved: Approve in Gate of page-approval."
    assert "It was answered before." in browser.send("approval", answer)
    assert line.outcome() == "Succeeded"
    assert [row["status"] for row in line.actions(line.first())] == ["Succeeded"] * 3
    works.pipelines.delete_pipeline(name=line.name)


def test_a_rejected_approval_ends_its_execution(works: Works, cloud: Cloud) -> None:
    """With the reason that was typed."""
    browser = Browser(cloud)
    line = works.line("page-reject", gate())
    (fields,) = until(lambda: browser.forms("approval"))
    browser.send("approval", {**fields, "status": "Rejected", "summary": HOSTILE})
    assert line.outcome() == "Failed"
    assert "Rejected by" in browser.see()
    assert HOSTILE not in browser.see()
    works.pipelines.delete_pipeline(name=line.name)


def test_a_failed_stage_is_retried_on_the_page_and_its_log_is_read(works: Works, cloud: Cloud) -> None:
    """The log's end and what the build exported are beside the action, all of it behind the link; markup is text."""
    browser = Browser(cloud)
    rows = [build("Run", f"export WORD='too <few> tests'; echo '{HOSTILE}'; sleep 3; false")]
    line = works.line("page-retry", {"name": "Work", "actions": rows})
    shown = until(lambda: text if "Entering phase BUILD" in (text := browser.see()) else None)
    (build_id,) = set(re.findall(r"log\?build=([^\"]+)\"", shown))
    log = browser.log(build_id.replace("%3A", ":"))
    assert "The log ends here." in log
    assert "&lt;script&gt;alert(1)" in log
    assert HOSTILE not in log
    assert line.outcome() == "Failed"
    assert "<code>WORD</code>: too &lt;few&gt; tests" in browser.see()
    (fields,) = until(lambda: browser.forms("retry"))
    again = {**fields, "retryMode": "FAILED_ACTIONS"}
    assert "is retried: its failed actions run again" in browser.send("retry", again)
    assert "There is nothing to retry." in browser.send("retry", again)
    assert line.outcome() == "Failed"
    works.pipelines.delete_pipeline(name=line.name)


def test_a_stage_that_is_not_entered_says_why_on_the_page(works: Works, cloud: Cloud) -> None:
    """With the alarm that its condition found on."""
    browser, watch = Browser(cloud), cloud.client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName="page-gate", Namespace="tests", MetricName="none", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    watch.set_alarm_state(AlarmName="page-gate", StateValue="ALARM", StateReason="by the test")
    kind = {"category": "Rule", "owner": "AWS", "provider": "CloudWatchAlarm", "version": "1"}
    rule = {"name": "Quiet", "ruleTypeId": kind, "configuration": {"AlarmName": "page-gate"}}
    entry = {"conditions": [{"result": "FAIL", "rules": [rule]}]}
    line = works.line("page-condition", {"name": "Work", "actions": [build("Run", "true")], "beforeEntry": entry})
    assert line.outcome() == "Failed"
    shown = re.sub("<[^>]+>", "", browser.see())
    assert "Condition on entry, Quiet: Failed The alarm page-gate is in the state ALARM" in shown
    works.pipelines.delete_pipeline(name=line.name)


def test_a_service_goes_back_on_the_page(cloud: Cloud) -> None:
    """A deployment in progress is rolled back; a completed one is followed by its predecessor's task definition."""
    browser, site = Browser(cloud), Site(cloud, "page")
    one = site.definition(cloud.image("good"), {"APP_VERSION": HOSTILE, "PASSWORD": "hunter2"})
    two = site.definition(cloud.image("good"), {"APP_VERSION": "2"})
    assert site.outcome(site.serve(one, desired=1)["currentServiceDeployment"])["status"] == "SUCCESSFUL"
    shown = browser.see()
    assert "&lt;script&gt;" in shown
    assert HOSTILE not in shown
    assert "hunter2" not in shown
    assert "web, task " in shown  # the target's task, beside its health
    assert browser.forms("service") == browser.forms("deployment") == []
    rollout = site.update(taskDefinition=two)
    (fields,) = browser.forms("deployment")
    assert browser.send("deployment", fields) == "The deployment of page/web is being rolled back."
    assert site.outcome(rollout)["status"] == "ROLLBACK_SUCCESSFUL"
    assert "The deployment is over" in browser.send("deployment", fields)
    site.outcome(site.update(taskDefinition=two))
    (fields,) = browser.forms("service")
    assert (fields["taskDefinition"], fields["from"]) == ("page:1", "page:2")
    assert "was changed to page:2" in browser.send("service", {**fields, "from": "page:7"})
    assert browser.send("service", fields) == "page/web is being deployed with the task definition page:1."
    assert "has the task definition page:1 already" in browser.send("service", fields)
    assert site.outcome()["status"] == "SUCCESSFUL"
    assert site.service()["taskDefinition"] == one
    assert browser.forms("service") == []  # page:2 completed too, but the service was brought back from it
    site.ecs.delete_service(cluster="page", service="web", force=True)


def test_a_stage_is_rolled_back_and_a_transition_enabled_on_the_page(works: Works, cloud: Cloud) -> None:
    """With the artifacts of an earlier execution, of another commit; the reason of a held transition is shown."""
    browser = Browser(cloud)
    line = works.line("page-back", stage("Work", "true"))
    assert line.outcome() == "Succeeded"
    works.push({"later.txt": "later"})
    assert line.outcome(line.start()) == "Succeeded"
    (fields,) = browser.forms("stage-rollback")
    assert fields["targetPipelineExecutionId"] == line.first()
    which = {"pipelineName": line.name, "stageName": "Work", "transitionType": "Inbound"}
    line.api.disable_stage_transition(**which, reason="held back (for now)")
    assert "held back (for now)" in browser.see()
    (held,) = browser.forms("transition")
    assert "is enabled." in browser.send("transition", held)
    assert browser.forms("transition") == []
    assert "runs the stage Work of page-back" in browser.send("stage-rollback", fields)
    newest = line.executions()[0]
    assert newest["executionType"] == "ROLLBACK"
    assert line.outcome(newest["pipelineExecutionId"]) == "Succeeded"
    works.pipelines.delete_pipeline(name=line.name)


def test_requests_of_aws_clients_at_the_root_are_answered_as_ever(cloud: Cloud) -> None:
    """S3 lists buckets at the same address; a container and another's host do not get the page."""
    s3 = cloud.client("s3")
    assert "Buckets" in s3.list_buckets()
    signed = s3.generate_presigned_url("list_buckets")
    assert "<ListAllMyBucketsResult" in httpx.get(signed, headers=HTML, trust_env=False).text
    attacker = Attacker(cloud)
    assert "<html" not in attacker.send("GET", "/").text
    assert attacker.send("GET", "/", accept="text/html", host="evil.example").status == 400
    assert attacker.send("GET", "/", accept="text/html", host="intranet").status == 403
    assert attacker.send("POST", "/", b"Action=ListUsers&Version=2010-05-08", accept="text/html",
                         content_type="application/x-www-form-urlencoded").status == 400  # fmt: skip
    inside = cloud.client("sts").get_caller_identity()
    assert inside["Account"] == "000000000000"
