"""The pages that every project of the comparison gets, and no other project has."""

import os
import time

from django.contrib.auth.models import Permission
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

# Together they have twenty permissions in every project.
APPS = ("admin", "auth", "contenttypes", "sessions")


def trivial(request: HttpRequest) -> HttpResponse:
    """Return two letters."""
    return HttpResponse("OK")


def rows(request: HttpRequest) -> HttpResponse:
    """Show twenty rows from two tables."""
    permissions = Permission.objects.select_related("content_type").filter(content_type__app_label__in=APPS)[:20]
    return render(request, "benchmark.html", {"rows": permissions})


def slow(request: HttpRequest) -> HttpResponse:
    """Wait for ten seconds, and return the ID of the process that waited."""
    time.sleep(10)
    return HttpResponse(str(os.getpid()))


urlpatterns = [
    path("benchmark/trivial/", trivial),
    path("benchmark/list/", rows),
    path("benchmark/slow/", slow),
]
