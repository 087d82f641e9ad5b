"""Has every error below /api/ be told as the API tells its own."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from ops.http import problem_response

DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this URL.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong on our side. X-Request-ID finds it in the log.",
}


class ProblemMiddleware:
    """Turns the pages for errors that Django and other middleware answer with below /api/ into problem details."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response, or in place of a page for an error the same as JSON."""
        response = self.get_response(request)
        is_page = not response.headers.get("Content-Type", "").partition(";")[0].endswith("json")
        if response.status_code < HTTPStatus.BAD_REQUEST or not is_page or not request.path_info.startswith("/api/"):
            return response
        status = HTTPStatus(response.status_code)
        answer = problem_response(request, status, DETAILS.get(status, f"{status.description}."))
        for name, value in response.headers.items():
            answer.headers.setdefault(name, value)
        answer.cookies = response.cookies
        return answer
