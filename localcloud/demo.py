"""`make demo`: both environments on the local cloud, the second only with what passed acceptance in the first."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from localcloud import client
from localcloud.settings import UserError
from localcloud.stacks import DELIVERY, PULUMI, STACKS, capture, outputs, run


class StepError(Exception):
    """A step failed; its output has been shown."""


@dataclass
class Demo:
    """The steps done so far, with the seconds each took."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    seconds: dict[str, float] = field(default_factory=dict)

    def step(self, title: str, command: list[str]) -> None:
        """Run a command, its output shown as it comes; raises StepError when it fails."""
        self.console.rule(f"[bold]{title}", align="left")
        started = time.monotonic()
        code = run(command)
        self.seconds[title] = time.monotonic() - started
        if code:
            raise StepError(f"{title}: {' '.join(command[:4])} ... ended with exit code {code}")

    def production_is_refused(self) -> None:
        """Show that production cannot come up yet; raises StepError when it is not refused."""
        title = "production is refused, nothing is accepted yet"
        self.console.rule(f"[bold]{title}", align="left")
        started = time.monotonic()
        done = capture("preview", "-s", "prod")
        self.seconds[title] = time.monotonic() - started
        reasons = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "acceptance" in line]
        if not done.returncode or not reasons:
            raise StepError(f"production was expected to be refused, but: {done.stdout}{done.stderr}")
        self.console.print(reasons[0])


def accepted_tags() -> list[str]:
    """Return the tags by which staging's registry marks images that passed acceptance."""
    cloud = client.running()
    ecr = cloud.boto3("ecr")
    urls = outputs("staging").get("repository_urls")
    names = [url.split("/", 1)[1] for url in urls.values()] if isinstance(urls, dict) else []
    images = [image for name in names for image in ecr.describe_images(repositoryName=name)["imageDetails"]]
    return [tag for image in images for tag in image.get("imageTags", []) if tag.startswith("accepted-")]


def summary(demo: Demo) -> None:
    """Print what runs where, what each step took, and what to try next."""
    demo.console.rule("[bold]done", align="left")
    times = Table("step", "seconds", title="times", title_justify="left")
    for title, seconds in demo.seconds.items():
        times.add_row(title, f"{seconds:.1f}")
    times.add_row("all of it", f"{sum(demo.seconds.values()):.1f}")
    demo.console.print(times)
    for stack in STACKS:
        found = outputs(stack)
        digests = found.get("image_digests")
        demo.console.print(f"{stack:8} {found.get('url')}  {digests if digests else ''}", soft_wrap=True)
    demo.console.print(
        "\nNext: open a URL; change cpu in Pulumi.staging.yaml and run `bin/pulumi-local preview -s staging`;\n"
        "`make acceptance STACK=prod` tests again; `make clean-up` destroys both stacks and stops the local cloud."
    )


def main() -> int:
    """Run the demo; returns 0, or 1 with what failed on stderr."""
    demo = Demo()
    try:
        demo.step("staging up", [PULUMI, "up", "-s", "staging", "--yes", "--skip-preview"])
        if not accepted_tags():
            demo.production_is_refused()
        demo.step("acceptance of staging", [*DELIVERY, "acceptance", "--stack", "staging"])
        demo.step("production up", [PULUMI, "up", "-s", "prod", "--yes", "--skip-preview"])
        demo.step("acceptance of production", [*DELIVERY, "acceptance", "--stack", "prod"])
    except (StepError, UserError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; `make demo` goes on, `make clean-up` takes all down", file=sys.stderr)
        return 130
    summary(demo)
    return 0


if __name__ == "__main__":
    sys.exit(main())
