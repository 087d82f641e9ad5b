"""Tell nginx whether a client is logged in, before it reads a large request."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

# >> if cookiecutter.use_api
from rest_framework.exceptions import APIException
from rest_framework.views import APIView

# >> endif


@never_cache
@require_safe
def logged_in(request: HttpRequest) -> HttpResponse:
    """Respond with 204 to a client that has a session or an access token of somebody, else with 403."""
    is_known = request.user.is_authenticated
    # >> if cookiecutter.use_api
    is_known = is_known or has_token(request)
    # >> endif
    return HttpResponse(status=204 if is_known else 403)


# >> if cookiecutter.use_api
def has_token(request: HttpRequest) -> bool:
    """Return whether one of the API's authentication classes knows the client."""
    try:
        return bool(APIView().initialize_request(request).user.is_authenticated)
    except APIException:
        return False


# >> endif
