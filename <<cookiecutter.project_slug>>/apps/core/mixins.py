"""Mixins for models."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core import checks
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError


class JSONFieldValidationMixin(models.Model):
    """A model whose JSON fields are held to JSON Schemas (draft 2020-12).

    ``json_schemas`` maps the name of a JSONField to the schema of its value::

        class Order(JSONFieldValidationMixin, models.Model):
            json_schemas = {"address": {"type": "object", "required": ["street", "town"]}}
            address = models.JSONField()

    ``full_clean()``, which forms and the admin call, raises ValidationError with one message per mistake, each
    beginning with the path of the value (``$.lines[0].price``). Saving does not validate, as everywhere in Django. A
    name that is no JSONField and a schema that is no schema are reported by ``manage.py check``.
    """

    json_schemas: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Validate every field that has a schema; raise ValidationError with the messages of each."""
        super().clean()
        mistakes = {}
        for name, schema in self.json_schemas.items():
            value = getattr(self, name)
            if value is None and self._meta.get_field(name).null:
                continue
            errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: error.json_path)
            if errors:
                mistakes[name] = [f"{error.json_path}: {error.message}" for error in errors]
        if mistakes:
            raise ValidationError(mistakes)

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        """Return Django's own findings about the model, and those about ``json_schemas``."""
        return [*super().check(**kwargs), *(error for name in cls.json_schemas for error in cls._check_schema(name))]

    @classmethod
    def _check_schema(cls, name: str) -> list[checks.CheckMessage]:
        try:
            is_json = isinstance(cls._meta.get_field(name), models.JSONField)
        except FieldDoesNotExist:
            is_json = False
        if not is_json:
            return [checks.Error(f"json_schemas names {name!r}, which is no JSONField.", obj=cls, id="core.E001")]
        try:
            Draft202012Validator.check_schema(cls.json_schemas[name])
        except SchemaError as error:
            return [checks.Error(f"The schema of {name!r} is not valid: {error.message}", obj=cls, id="core.E002")]
        return []
