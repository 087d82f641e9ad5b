"""Errors are reported to Sentry, or to a service that speaks as it does; without SENTRY_DSN nothing is.

Reference: https://docs.sentry.io/platforms/python/configuration/options/
"""

from config.settings.environment import env

SENTRY_DSN = env.url("SENTRY_DSN", default="", key=True, example="https://key@errors.example.com/1")
# By what errors of several sites, such as a trial's, are told apart.
SENTRY_ENVIRONMENT = env.identifier("SENTRY_ENVIRONMENT", default="production", example="production")
