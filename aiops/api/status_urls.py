"""URLs of the page that somebody waits on; every one of them begins with a token."""

from django.urls import path

from aiops.api import status_page

app_name = "status"
urlpatterns = [
    path("<str:token>/", status_page.page, name="page"),
    path("<str:token>/state/", status_page.state, name="state"),
    path("<str:token>/cancel/", status_page.stop, name="cancel"),
]
