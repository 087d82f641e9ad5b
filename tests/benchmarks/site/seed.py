"""Create users in a project, and write their names and a credential for its API of each into a file.

Run in the project's folder as ``seed.py slipway|peer FILE PASSWORD``, with the settings of production. A line of the
file is a name, a tab and the header Authorization.
"""

import sys
from pathlib import Path
from typing import Any

import django
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password

COUNT = 200


def seed_slipway() -> dict[str, str]:
    """Create users with permission to list users; return their tokens, which expire after twenty minutes."""
    from apps.api.tokens.classes import AccessToken

    fields = [{"email": f"user{number}@example.com", "is_staff": True} for number in range(COUNT)]
    return {user.email: f"Bearer {AccessToken.for_user(user)}" for user in create(fields)}


def seed_peer() -> dict[str, str]:
    """Create users with a verified address; return the token of each."""
    from allauth.account.models import EmailAddress
    from rest_framework.authtoken.models import Token

    names = [f"user{number}" for number in range(COUNT)]
    users = create([{"username": name, "email": f"{name}@example.com"} for name in names])
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    return {user.username: f"Token {Token.objects.create(user=user).key}" for user in users}


def create(fields: list[dict[str, Any]]) -> list[Any]:
    """Create users with the same password, which takes one hash."""
    password = make_password(sys.argv[3])
    users = get_user_model().objects
    return users.bulk_create(users.model(password=password, **values) for values in fields)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    django.setup()
    tokens = {"slipway": seed_slipway, "peer": seed_peer}[sys.argv[1]]()
    Path(sys.argv[2]).write_text("".join(f"{name}\t{token}\n" for name, token in tokens.items()))
