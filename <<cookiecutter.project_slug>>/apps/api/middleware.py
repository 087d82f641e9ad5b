"""Convert every error page below /api/ into problem details."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from ops.http import problem_response

DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this URL.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side. X-Request-ID finds it in the log.",
}
# Headers of the page that hold for the problem too. Others, such as Content-Length, ETag and Content-Encoding, describe
# the page's body: a client would wait for the rest of it.
KEPT_HEADERS = (
    *("Allow", "Cache-Control", "Expires", "Retry-After", "Vary", "WWW-Authenticate", "X-Request-ID"),
    *("Content-Security-Policy", "Content-Security-Policy-Report-Only", "Cross-Origin-Opener-Policy"),
    *("Cross-Origin-Resource-Policy", "Permissions-Policy", "Referrer-Policy", "Strict-Transport-Security"),
    *("X-Content-Type-Options", "X-Frame-Options"),
)


class ProblemMiddleware:
    """Replaces the error pages of Django and of other middleware below /api/ by problem details."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, or the problem that replaces an error page."""
        response = self.get_response(request)
        if response.status_code < HTTPStatus.BAD_REQUEST or not request.path_info.startswith("/api/"):
            return response
        if response.headers.get("Content-Type", "").partition(";")[0].endswith("json"):
            return response
        status = HTTPStatus(response.status_code)
        answer = problem_response(request, status, DETAILS.get(status, f"{status.description}."))
        for name in KEPT_HEADERS:
            if name in response.headers:
                answer.headers[name] = response.headers[name]
        answer.headers["Content-Length"] = str(len(answer.content))
        answer.cookies = response.cookies
        return answer
