"""What any app may use: mixins, sanitizing, template filters and validators."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from django.template import Context, Template
from django.test.utils import isolate_apps
from jsonschema import Draft202012Validator

from apps.core.mixins import JSONFieldValidationMixin
from apps.core.sanitizing import sanitize_html
from apps.core.templatetags.core import duration
from apps.core.validators import validate_uuid

SCHEMA = {
    "type": "object",
    "required": ["street"],
    "properties": {"street": {"type": "string"}, "floors": {"type": "array", "items": {"type": "integer"}}},
}


@pytest.fixture
def isolated_apps() -> Iterator[None]:
    with isolate_apps("apps.core"):
        yield


def test_json_formats_are_those_of_production() -> None:
    # A tool of the tests installs rfc3987-syntax, which production does not have.
    assert "iri" not in Draft202012Validator.FORMAT_CHECKER.checkers


@pytest.fixture
def house(isolated_apps: None) -> Any:
    class House(JSONFieldValidationMixin, models.Model):
        json_schemas = {"address": SCHEMA, "former_address": SCHEMA}
        address = models.JSONField()
        former_address = models.JSONField(null=True, blank=True)

        class Meta:
            app_label = "core"

        def __str__(self) -> str:
            return str(self.address)

    return House


def test_a_value_that_fits_its_schema_is_accepted(house: Any) -> None:
    house(address={"street": "Quay 1", "floors": [0, 1]}).full_clean()


def test_every_mistake_is_reported_at_its_path(house: Any) -> None:
    with pytest.raises(ValidationError) as refusal:
        house(address={"floors": [0, "one"]}, former_address=[]).full_clean()
    assert refusal.value.message_dict == {
        "address": ["$: 'street' is a required property", "$.floors[1]: 'one' is not of type 'integer'"],
        "former_address": ["$: [] is not of type 'object'"],
    }


def test_a_good_model_passes_the_checks(house: Any) -> None:
    assert house.check() == []


@pytest.mark.parametrize(
    ("schemas", "code"),
    [({"nowhere": {}}, "core.E001"), ({"name": {}}, "core.E001"), ({"data": {"type": "nothing"}}, "core.E002")],
)
def test_a_wrong_declaration_is_an_error_of_the_checks(isolated_apps: None, schemas: Any, code: str) -> None:
    class Wrong(JSONFieldValidationMixin, models.Model):
        json_schemas = schemas
        name = models.CharField(max_length=10)
        data = models.JSONField()

        class Meta:
            app_label = "core"

        def __str__(self) -> str:
            return self.name

    assert [error.id for error in Wrong.check()] == [code]


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("<p>Two <b>bold</b> words</p>", "<p>Two <b>bold</b> words</p>"),
        ("<script>alert(1)</script>after", "after"),
        ('<p onclick="alert(1)" style="color:red">text</p>', "<p>text</p>"),
        ('<img src=x onerror="alert(1)">', ""),
        ('<iframe src="https://example.com"></iframe>', ""),
        ('<a href="javascript:alert(1)">link</a>', '<a rel="nofollow noopener noreferrer">link</a>'),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
    ],
)
def test_only_the_formatting_of_text_is_left(html: str, clean: str) -> None:
    assert sanitize_html(html) == clean


def test_the_filter_puts_clean_html_into_a_page() -> None:
    page = Template("{% load core %}{{ text|sanitize_html }}").render(Context({"text": "<em>a</em><script>b</script>"}))
    assert page == "<em>a</em>"


@pytest.mark.parametrize(("key", "text"), [("a", "1"), ("b", "None")])
def test_get_item_looks_a_key_up(key: str, text: str) -> None:
    page = Template("{% load core %}{{ numbers|get_item:key }}").render(Context({"numbers": {"a": 1}, "key": key}))
    assert page == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ms"),
        (0.25, "250 ms"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (timedelta(days=1, hours=2, minutes=3), "1 d 2 h"),
        (86400 + 60, "1 d"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_duration_names_its_two_largest_units(value: timedelta | float, text: str) -> None:
    assert duration(value) == text


TEXT = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize("value", [TEXT, TEXT.upper(), UUID(TEXT)])
def test_a_uuid_is_returned(value: str | UUID) -> None:
    assert validate_uuid(value) == UUID(TEXT)


@pytest.mark.parametrize(
    "value", ["", "1", TEXT[:-1], f"{{{TEXT}}}", f"urn:uuid:{TEXT}", TEXT.replace("-", ""), None, 7]
)
def test_anything_but_a_uuid_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="is not a valid UUID") as refusal:
        validate_uuid(value)
    assert refusal.value.code == "invalid"
