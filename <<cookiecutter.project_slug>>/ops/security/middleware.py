"""Adds the security headers: the Content Security Policy, and those that Django has no setting for."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csp import ContentSecurityPolicyMiddleware, get_nonce
from django.utils.csp import CSP, build_policy


class SecurityHeadersMiddleware(ContentSecurityPolicyMiddleware):
    """Gives every response the policy, and the headers of ``settings.SECURITY_HEADERS``; a view may set other values.

    It is Django's middleware for the policy, which writes it anew for each response; this one does so once.
    """

    # What was written last for each header: its setting, and its text without a nonce and with a place for one.
    policies: dict[str, tuple[Any, str, str]]

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.policies = {}

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Return the response with those headers that it does not have yet."""
        for name, value in settings.SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if hasattr(response, "_csp_config") or hasattr(response, "_csp_ro_config"):
            # Its view is decorated with a policy of its own.
            return super().process_response(request, response)
        nonce = get_nonce(request)
        for header, policy in (
            ("Content-Security-Policy", settings.SECURE_CSP),
            ("Content-Security-Policy-Report-Only", settings.SECURE_CSP_REPORT_ONLY),
        ):
            if policy and header not in response.headers:
                response.headers[header] = self.text_of(header, policy, nonce)
        return response

    def text_of(self, header: str, policy: Any, nonce: Any) -> str:
        """Return a policy as Django writes it, with the nonce if a page has used it."""
        if header not in self.policies or self.policies[header][0] is not policy:
            self.policies[header] = (policy, build_policy(policy), build_policy(policy, CSP.NONCE))
        _, without, template = self.policies[header]
        return template.replace(CSP.NONCE, str(nonce)) if nonce else without
