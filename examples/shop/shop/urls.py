"""The shop's addresses."""

from django.urls import path

from shop import views

urlpatterns = [
    path("", views.ask, name="ask"),
    path("questions/<int:number>/", views.question, name="question"),
    path("hooks/ai/", views.hook, name="hook"),
]
