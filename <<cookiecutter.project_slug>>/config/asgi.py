"""The entry point of a server that speaks ASGI. Without DJANGO_SETTINGS_MODULE it uses the settings for production."""

import os

from django.core.asgi import get_asgi_application

from ops.postgres import limit_requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_asgi_application()
limit_requests()
