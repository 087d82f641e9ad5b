"""The security headers of the site, for what nginx answers itself."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.http import HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.test import RequestFactory

from ops.files import replace_text
from ops.security.middleware import SecurityHeadersMiddleware

CONTEXTS = ("http", "server")
# Each adds headers to a response. What no view has made has no nonce either, and a policy that allows none.
MIDDLEWARE = (
    SecurityHeadersMiddleware,
    XFrameOptionsMiddleware,
    SecurityMiddleware,
)


def security_headers(is_https: bool) -> dict[str, str]:
    """Return the headers that Django's middleware adds to every response over HTTPS, or over HTTP."""
    request = RequestFactory().get("/", secure=is_https)
    response = HttpResponse()
    bare = set(response.headers)
    # Asking the middleware, instead of reading the settings as it does, cannot differ from what pages have.
    for middleware in MIDDLEWARE:
        middleware(lambda _: response).process_response(request, response)
    return {name: value for name, value in response.headers.items() if name not in bare}


class Command(BaseCommand):
    """Prints what has nginx add the headers of Django's responses to its own: files, redirects, errors.

    What the application has answered is left as it is, and HTTPS's own are not sent over HTTP. The values have
    one source, the settings. For nginx's context http it prints variables, for its context server the lines that use
    them. With --folder it writes both, as headers-http.conf and headers-server.conf, at the cost of one start.
    """

    help = "Print the site's security headers as nginx's configuration, or write them into a folder."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the context that the lines are for, or a folder for the lines of both."""
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument("context", nargs="?", choices=CONTEXTS, help="the context of nginx that is printed")
        target.add_argument("--folder", type=Path, help="where headers-http.conf and headers-server.conf are written")

    def handle(self, *args: Any, context: str | None, folder: Path | None, **options: Any) -> None:
        """Print the lines of the context, or write the lines of both contexts."""
        if folder is None:
            self.stdout.writelines(f"{line}\n" for line in self.lines_of(str(context)))
            return
        for each in CONTEXTS:
            text = "".join(f"{line}\n" for line in self.lines_of(each))
            try:
                replace_text(folder / f"headers-{each}.conf", text)
            except OSError as error:
                raise CommandError(f"The headers cannot be written: {error}.") from error

    def lines_of(self, context: str) -> Iterator[str]:
        """Return the lines for a context of nginx."""
        return self.variables() if context == "http" else self.lines()

    def variables(self) -> Iterator[str]:
        """Yield, for each header, a variable that is empty when the application has answered."""
        over_http = security_headers(is_https=False)
        for name, value in security_headers(is_https=True).items():
            # The application's responses have the ID of their request, and the headers that their view wants.
            given, key = "$upstream_http_x_request_id", ""
            # >> if cookiecutter.media_storage == "local"
            if name == "Content-Security-Policy":
                # Uploaded files have a policy of their own.
                given = f"${settings.SERVICE_NAME}_media_policy{given}"
            # >> endif
            if name not in over_http:
                given, key = f"${settings.SERVICE_NAME}_scheme {given}", "https "
            yield f'map "{given}" {self.variable(name)} {{'
            yield '    default "";'
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            yield f'    "{key}" "{quoted}";'
            yield "}"

    def lines(self) -> Iterator[str]:
        """Yield a line for each header."""
        for name in security_headers(is_https=True):
            yield f"add_header {name} {self.variable(name)} always;"

    def variable(self, name: str) -> str:
        """Return the variable of a header."""
        return f"${settings.SERVICE_NAME}_{name.lower().replace('-', '_')}"
