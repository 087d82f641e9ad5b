from uuid import UUID

import pytest
from django.core.exceptions import ValidationError

from apps.core.validators import validate_uuid

TEXT = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize("value", [TEXT, TEXT.upper(), UUID(TEXT)])
def test_a_uuid_is_returned(value: str | UUID) -> None:
    assert validate_uuid(value) == UUID(TEXT)


@pytest.mark.parametrize(
    "value", ["", "1", TEXT[:-1], f"{{{TEXT}}}", f"urn:uuid:{TEXT}", TEXT.replace("-", ""), None, 7]
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="is not a valid UUID") as refusal:
        validate_uuid(value)
    assert refusal.value.code == "invalid"
