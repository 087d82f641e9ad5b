from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from django.test.utils import isolate_apps

from apps.core.mixins import JSONFieldValidationMixin

SCHEMA = {
    "type": "object",
    "required": ["street"],
    "properties": {"street": {"type": "string"}, "floors": {"type": "array", "items": {"type": "integer"}}},
}


@pytest.fixture
def isolated_apps() -> Iterator[None]:
    with isolate_apps("apps.core"):
        yield


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
