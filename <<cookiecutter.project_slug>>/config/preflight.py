"""Whether the settings are those of production, and safe."""

from django.conf import settings

from config.settings.guard import find_problems
from ops.contracts import Finding, Target, error, ok, warning
from ops.deployments import commands

PRODUCTION = "config.settings.production"


def check(target: Target) -> Finding:
    """Find what production must not run with. Production's settings do not load with any of it."""
    here = commands()
    module = str(settings.SETTINGS_MODULE)
    problems = find_problems({name: getattr(settings, name) for name in dir(settings) if name.isupper()})
    if problems:
        hint = f"Set them in {here.settings}, with DJANGO_SETTINGS_MODULE={PRODUCTION}. {here.apply}"
        return error(f"{module}: {'; '.join(problems)}.", hint)
    if module != PRODUCTION:
        return warning(f"{module} is not {PRODUCTION}.", f"Set DJANGO_SETTINGS_MODULE={PRODUCTION}. {here.apply}")
    return ok(f"{module}, without unsafe settings.")
