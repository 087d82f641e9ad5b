"""What the tests share."""

import io
import json
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
import structlog
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from apps.users.models import User

CI = os.environ.get("CI") == "true"


def leave_out(reason: str) -> NoReturn:
    """Skip a test on a machine that lacks something; in CI it fails instead."""
    (pytest.fail if CI else pytest.skip)(reason)


def missing_servers() -> list[str]:
    """Return the variables that must name a running server and are not set."""
    return [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what needs servers on a machine that has none."""
    if item.get_closest_marker("servers") and (missing := missing_servers()):
        leave_out(f"{' and '.join(missing)} must name a running server.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests were skipped because servers are missing, and what to set."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "servers" in report.keywords]
    if skipped and (missing := missing_servers()):
        verb = "tests need" if len(skipped) > 1 else "test needs"
        terminalreporter.write_line(
            f"{len(skipped)} {verb} PostgreSQL and Redis: set {' and '.join(missing)} to run them."
        )


@pytest.fixture
def user(db: None) -> User:
    """A user who may do nothing in particular."""
    return User.objects.create_user("ada@example.com", "correct horse battery")


@pytest.fixture
def admin_user(db: None) -> User:
    """A user who may do everything; pytest-django's ``admin_client`` logs in as this one."""
    return User.objects.create_superuser("root@example.com", "correct horse battery")


@pytest.fixture
def frozen_server() -> Iterator[str]:
    """The ``host:port`` of a server that takes connections and never says a word, as one does that was stopped."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refusing_server() -> str:
    """A ``host:port`` of this machine where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, or the one that ``playwright install chromium`` brings; one for all tests of a module."""
    with pytest.MonkeyPatch.context() as environment, sync_playwright() as playwright:
        # Playwright's event loop runs in this thread, where Django would refuse to set up and flush the database.
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        candidates = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
        executable = next((path for path in candidates if path), playwright.chromium.executable_path)
        if not os.path.exists(executable):
            leave_out("Chromium is missing: install it, or run playwright install chromium.")
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """A page of the site, in a browser that has no cookies yet."""
    with browser.new_context(base_url=live_server.url) as context:
        yield context.new_page()


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what production would have written to its log so far, each line read as JSON."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    options = {name: value for name, value in settings.LOGGING["formatters"]["line"].items() if name != "()"}
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(**options))
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)
