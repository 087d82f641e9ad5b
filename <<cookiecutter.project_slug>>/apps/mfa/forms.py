"""The form for a token."""

from typing import Any

from django import forms
from django.contrib.auth.models import AbstractUser
from django.utils.translation import gettext_lazy as _
from django_otp import verify_token
from django_otp.models import Device

from apps.core.second_factor import find, normalized


class TokenForm(forms.Form):
    """Takes a token of ``device``, or of whichever somebody has; it is in ``device`` then."""

    token = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, user: AbstractUser, *args: Any, device: Device | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.device = device

    def clean_token(self) -> str:
        """Find the device; raise ValidationError when there is none that takes the token now."""
        token = normalized(self.cleaned_data["token"])
        if self.device:
            self.device = verify_token(self.user, self.device.persistent_id, token)
        else:
            self.device = find(self.user, token)
        if not self.device:
            raise forms.ValidationError(
                _("This code is wrong or was used already. Wait a little, longer after each mistake, and try the next.")
            )
        return token
