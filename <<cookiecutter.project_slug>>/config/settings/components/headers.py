"""The headers that tell browsers what pages may do. Django sends them, and the proxy with what it answers itself.

Reference: https://docs.djangoproject.com/en/6.1/ref/csp/
"""

from django.utils.csp import CSP

from config.settings.environment import env

CSP_ENABLED = env.bool("CSP_ENABLED", default=True)
CSP_REPORT_ONLY = env.bool("CSP_REPORT_ONLY", default=False)
# Without one nothing is reported; a policy that only reports would do nothing then.
CSP_REPORT_URI = env.report_url("CSP_REPORT_URI", default="") or ("/csp-report/" if CSP_REPORT_ONLY else "")

# Where a page may take from what it is made of: from this site. What stands in the page itself, a script or a style,
# needs the nonce of the request: {% csp_nonce_attr %} in its tag. Whatever is not named here is not allowed at all.
CONTENT_POLICY: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "media-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "object-src": [CSP.NONE],
}
if CSP_REPORT_URI:
    CONTENT_POLICY["report-uri"] = [CSP_REPORT_URI]
SECURE_CSP = CONTENT_POLICY if CSP_ENABLED and not CSP_REPORT_ONLY else {}
SECURE_CSP_REPORT_ONLY = CONTENT_POLICY if CSP_ENABLED and CSP_REPORT_ONLY else {}

# What no page may use, and nothing within one.
DENIED_FEATURES = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "idle-detection"),
    *("magnetometer", "microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking"),
)
# Those that Django has no setting for, by name.
SECURITY_HEADERS = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in DENIED_FEATURES),
    # Pages of other sites may not show what this one has.
    "Cross-Origin-Resource-Policy": "same-origin",
}
