"""Rows over HTTP with Django REST Framework: serve_django.py PORT. The server is named by the PG* variables."""

import os
import sys

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path
from gunicorn.app.base import BaseApplication

settings.configure(
    SECRET_KEY="none of it is signed",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ["PGDATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.db import models  # noqa: E402: they need the settings
from rest_framework import serializers  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Employee(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=255)
    datetime = models.DateTimeField()
    department_id = models.IntegerField()
    job_id = models.IntegerField()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "hired_employees"


class EmployeeSerializer(serializers.Serializer):
    # A ModelSerializer would ask the database for each row's id, and for each parent.
    id = serializers.IntegerField()
    name = serializers.CharField(max_length=255)
    datetime = serializers.DateTimeField()
    department_id = serializers.IntegerField()
    job_id = serializers.IntegerField()


class Employees(APIView):
    def post(self, request):
        serializer = EmployeeSerializer(data=request.data, many=True, allow_empty=False, max_length=1000)
        serializer.is_valid(raise_exception=True)
        Employee.objects.bulk_create(Employee(**row) for row in serializer.validated_data)
        return Response({"inserted": len(serializer.validated_data)}, status=201)


urlpatterns = [path("hired_employees", Employees.as_view())]


class Gunicorn(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", f"127.0.0.1:{sys.argv[1]}")
        self.cfg.set("workers", os.cpu_count())
        self.cfg.set("threads", 8)
        self.cfg.set("keepalive", 60)

    def load(self):
        return get_wsgi_application()


Gunicorn().run()
