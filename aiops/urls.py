"""URLs of the web process."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from aiops.admin.flower import flower
from aiops.admin.metrics import metrics
from aiops.api.app import api

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("s/", include("aiops.api.status_urls")),
    path("metrics", metrics, name="metrics"),
    path("flower/", flower, name="flower"),
    path("flower/<path:page>", flower, name="flower_page"),
]
