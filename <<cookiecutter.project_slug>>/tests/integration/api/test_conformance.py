"""Whether answers are what openapi.json says, whatever is sent: Schemathesis makes it up from that file."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck
from hypothesis import settings as bounds
from hypothesis.configuration import set_hypothesis_home_dir

from apps.api.tokens.classes import AccessToken
from apps.users.models import User

# Nothing of what is made up is kept in the project.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
schema = schemathesis.openapi.from_path(settings.BASE_DIR / "openapi.json")
schema.app = get_wsgi_application()


@pytest.fixture(autouse=True)
def kept_connection(db: None) -> Iterator[None]:
    """Keep the end of a request from closing the connection that has the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


# The same requests in each run.
@pytest.mark.filterwarnings("error::django.core.paginator.UnorderedObjectListWarning")
@schema.parametrize()
@bounds(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_schema_knows(case: "schemathesis.Case[Any]", admin_user: User) -> None:
    # Nobody is to ask too often here.
    cache.clear()
    headers = {"Authorization": f"Bearer {AccessToken.for_user(admin_user)}"}
    # The framework takes a number for a text, and a page size that is none for the usual one.
    case.call_and_validate(
        base_url="http://testserver", headers=headers, excluded_checks=[schemathesis.checks.negative_data_rejection]
    )
