"""django-otp's pages in the admin are left out: they would show the keys, with which anybody makes tokens."""

from django.contrib import admin
from django_otp import device_classes

for device in device_classes():
    admin.site.unregister(device)
