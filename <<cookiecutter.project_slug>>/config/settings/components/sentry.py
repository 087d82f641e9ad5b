"""Errors are reported to Sentry, or to a service that speaks as it does; without SENTRY_DSN nothing is.

Reference: https://docs.sentry.io/platforms/python/configuration/options/
"""

from config.settings.environment import env

SENTRY_DSN = env("SENTRY_DSN", default="")
# By what errors of several sites, such as a trial's, are told apart.
SENTRY_ENVIRONMENT = env("SENTRY_ENVIRONMENT", default="production")
