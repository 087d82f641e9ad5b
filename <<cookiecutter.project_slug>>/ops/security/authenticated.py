"""Tell nginx whether a client is logged in, before it reads a large request."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def logged_in(request: HttpRequest) -> HttpResponse:
    """Respond with 204 to a client that has a session or an access token of somebody, else with 403."""
    is_known = request.user.is_authenticated
    # >> if cookiecutter.use_api
    from rest_framework.exceptions import APIException
    from rest_framework.views import APIView

    try:
        is_known = is_known or APIView().initialize_request(request).user.is_authenticated
    except APIException:
        is_known = False
    # >> endif
    return HttpResponse(status=204 if is_known else 403)


urlpatterns = [path("", logged_in)]
