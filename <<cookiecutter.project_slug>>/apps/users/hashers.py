"""How passwords are kept."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB, two passes and one thread, the first choice of OWASP's Password Storage Cheat Sheet.

    Django's own takes 100 MiB and eight threads for each login, which a few at once could fill a container with.
    """

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
