"""The URLs of the site."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from apps.core.views import document, favicon, home
from ops.security.csp_reports import csp_report

admin.site.site_header = admin.site.site_title = settings.SITE_NAME

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("favicon.ico", favicon),
    path("csp-report/", csp_report),
    # >> if cookiecutter.deployment != "platform"
    # nginx asks it about clients that send large requests.
    path("logged-in/", include("ops.security.authenticated")),
    # >> endif
    path("accounts/", include("apps.users.urls")),
    # >> if cookiecutter.use_mfa
    path("accounts/second-factor/", include("apps.mfa.urls")),
    # >> endif
    path("", include("ops.health.urls")),
    # >> if cookiecutter.use_api
    path("api/", include("apps.api.urls")),
    # >> endif
]
if settings.DEBUG:
    urlpatterns += [
        path("documents/<path:name>", document, name="document"),
        *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
    ]
# Last: where another page has its path, that page stays, and manage.py check says so.
urlpatterns.append(path(settings.ADMIN_PATH, admin.site.urls))
