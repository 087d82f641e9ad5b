"""The entry point of a server that speaks WSGI. Without DJANGO_SETTINGS_MODULE it uses the settings for production."""

import os

from django.core.wsgi import get_wsgi_application

from ops.postgres import limit_requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_wsgi_application()
limit_requests()
