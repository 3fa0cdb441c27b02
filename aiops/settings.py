"""Django's settings. Everything that differs between machines comes from the environment."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import dj_database_url
from django.templatetags.static import static

from aiops.servers.environment import addresses
from aiops.servers.home import home
from aiops.telemetry.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
#: "production" refuses every convenience below; anything else is a developer's machine.
IS_PRODUCTION = os.environ.get("AIOPS_ENV") == "production"
DEBUG = not IS_PRODUCTION and os.environ.get("AIOPS_DEBUG", "1") == "1"
STATE_DIR = home()


def _secret_key() -> str:
    """SECRET_KEY of the environment; on a developer's machine one is made and kept."""
    if key := os.environ.get("SECRET_KEY"):
        return key
    if IS_PRODUCTION:
        raise RuntimeError("SECRET_KEY is not set: give the process a long random value")
    STATE_DIR.mkdir(parents=True, exist_ok=True)
    path = STATE_DIR / "secret_key"
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass  # another process made it first
    return path.read_text()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if o]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_results",
    "django_celery_beat",
    # It serves the page of the API's document from its own files.
    "ninja",
    "aiops",
    # `manage.py seed_demo`: by name, as workflow files are found.
    *([] if IS_PRODUCTION else ["tasks.demo"]),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "aiops.urls"
ASGI_APPLICATION = "aiops.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_addresses = addresses()
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **dj_database_url.parse(
            _addresses["DATABASE_URL"], conn_max_age=300, conn_health_checks=True
        ),
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
#: The keeper and the workers reconnect by themselves; none of them waits long for a dead host.
_options = DATABASES["default"].setdefault("OPTIONS", {})
_options.setdefault("connect_timeout", 5)
# The claims are prepared: planned once a session, not once a step (half their cost otherwise).
_options.setdefault("prepare_threshold", 5)
_options.setdefault("options", "-c plan_cache_mode=force_generic_plan")

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", STATE_DIR / "static"))
#: On a developer's machine files are served from where they lie, without collectstatic.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IS_PRODUCTION
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
#: Results above the claim-check bound are files of the default storage.
MEDIA_ROOT = os.environ.get("MEDIA_ROOT", str(STATE_DIR / "files"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

if IS_PRODUCTION:
    SECURE_SSL_REDIRECT = os.environ.get("SECURE_SSL_REDIRECT", "1") == "1"
    # Prometheus asks on the inside, where there is no TLS.
    SECURE_REDIRECT_EXEMPT = [r"^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

LOGGING = logging_config(os.environ.get("LOG_LEVEL", "INFO"), is_production=IS_PRODUCTION)

#: The label beside every page's name, with a colour of unfold.
_ENVIRONMENTS = {"staging": ["Staging", "warning"], "production": ["Production", "danger"]}

#: The admin's shell: its name, its pages, and one colour for what can be pressed.
UNFOLD = {
    "SITE_TITLE": "AI operations",
    "SITE_HEADER": "AI operations",
    "SITE_SYMBOL": "account_tree",
    "ENVIRONMENT": _ENVIRONMENTS.get(os.environ.get("AIOPS_ENV", "")),
    "DASHBOARD_CALLBACK": "aiops.admin.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "aiops.admin.navigation.sidebar",
    },
    "COMMAND": {"search_callback": "aiops.admin.search.find"},
    # Repairs of unfold that every page needs.
    "STYLES": [lambda _: static("console/console.css")],
    "SCRIPTS": [lambda _: static("console/keys.js")],
    "BORDER_RADIUS": "9px",
    "COLORS": {
        "primary": {
            "50": "#eef2ff",
            "100": "#e0e7ff",
            "200": "#c7d2fe",
            "300": "#a5b4fc",
            "400": "#818cf8",
            "500": "#6366f1",
            "600": "#4338ca",
            "700": "#3730a3",
            "800": "#312e81",
            "900": "#282566",
            "950": "#1e1b4b",
        }
    },
}

# The engine

#: Packages whose modules are workflow files.
AIOPS_WORKFLOWS = os.environ.get(
    "AIOPS_WORKFLOWS", "tasks.workflows" if IS_PRODUCTION else "tasks.workflows,tasks.demo.flows"
).split(",")
#: How long a claim on a step holds, and how often its process renews it.
AIOPS_LEASE_S = float(os.environ.get("AIOPS_LEASE_S", "30"))
AIOPS_RENEW_S = float(os.environ.get("AIOPS_RENEW_S", "10"))
#: A queued step's message counts as lost after this long; the delay doubles each time.
AIOPS_DISPATCH_S = float(os.environ.get("AIOPS_DISPATCH_S", "10"))
#: How long a running step may go on after its run was cancelled, before it is taken away.
AIOPS_CANCEL_GRACE_S = float(os.environ.get("AIOPS_CANCEL_GRACE_S", "30"))
#: Payloads above this are files of the default storage (claim check).
AIOPS_INLINE_BYTES = 64 * 1024
#: A larger run input is refused.
AIOPS_MAX_INPUT_BYTES = int(os.environ.get("AIOPS_MAX_INPUT_BYTES", str(8 * 1024 * 1024)))

#: The models that steps may ask for by these names, beside "fast" and "embed": {"strong": {"base_url": ...,
#: "model": ..., "api_key_env": "STRONG_KEY", "limits": {"tokens_per_min": 90000}}}.
AIOPS_MODELS: dict[str, dict[str, Any]] = json.loads(os.environ.get("AIOPS_MODELS", "{}"))
#: What own models cost, in dollars for a million tokens: {"<alias or model>": {"input": 0.5, "output": 1.5,
#: "cached": 0.1}}. Others are looked up in genai-prices; what is in neither is shown as not known.
AIOPS_PRICES: dict[str, dict[str, float]] = {
    # The demo's own models run on this machine.
    "smollm2-135m-instruct": {"input": 0, "output": 0},
    "all-minilm-l6-v2": {"input": 0, "output": 0},
    **json.loads(os.environ.get("AIOPS_PRICES", "{}")),
}
#: What model calls may cost a day, in dollars: {"all": 50, "workflows": {"support_reply": 20}, "tenants":
#: {"acme": 5}}. A limit set in the console takes its place; a run's own is declared with its workflow.
AIOPS_BUDGETS: dict[str, Any] = json.loads(os.environ.get("AIOPS_BUDGETS", "{}"))
#: What is kept of prompts and answers: "none", "hash", "redacted" or "full"; {"default": "redacted",
#: "workflows": {"support_reply": "full"}}. Texts go after so many days.
AIOPS_CAPTURE: dict[str, Any] = json.loads(os.environ.get("AIOPS_CAPTURE", "{}"))
AIOPS_CAPTURE_DAYS = float(os.environ.get("AIOPS_CAPTURE_DAYS", "30"))

#: Which model is asked instead of another, in this order, and when: {"fast": [{"to": "strong",
#: "when": ["overloaded", "refused", "context_length", "unusable"]}]} (see docs/operating.md).
AIOPS_ROUTES: dict[str, list[dict[str, Any]]] = json.loads(os.environ.get("AIOPS_ROUTES", "{}"))

#: Where Flower listens; the console passes its pages on to those who may see them.
AIOPS_FLOWER_URL = os.environ.get(
    "AIOPS_FLOWER_URL", f"http://127.0.0.1:{os.environ.get('FLOWER_PORT', '5555')}"
)

#: Whether the API's document and its page need neither a key nor a login.
AIOPS_API_DOCS = os.environ.get("AIOPS_API_DOCS") == "1"

# Telemetry (docs/telemetry.md)

#: Traces leave when the environment says where to, as OpenTelemetry names it.
AIOPS_TRACES = os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true" and any(
    os.environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in ("ENDPOINT", "TRACES_ENDPOINT")
)
#: Whether spans of model calls hold what was asked and answered. It leaves this system then.
AIOPS_TRACE_CONTENT = os.environ.get("AIOPS_TRACE_CONTENT") == "1"
#: Who may read /metrics: whoever knows this; without it, only this machine.
AIOPS_METRICS_TOKEN = os.environ.get("AIOPS_METRICS_TOKEN", "")
#: Links of a run's page, such as https://traces.example.org/trace/{trace_id}; {run_id} is known too.
AIOPS_TRACE_URL = os.environ.get("AIOPS_TRACE_URL", "")
AIOPS_LOG_URL = os.environ.get("AIOPS_LOG_URL", "")

# Celery (each value is argued in docs/decisions/5-celery-settings.md)

CELERY_BROKER_URL = _addresses["BROKER_URL"]
if CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT = "aiops.broker:Transport"
CELERY_RESULT_BACKEND = _addresses["RESULT_URL"]
CELERY_DB_REUSE_MAX = 10**6

# Questions to people, and who is told of them

#: Where people and receivers of notifications reach this console, without a slash at the end.
AIOPS_BASE_URL = os.environ.get("AIOPS_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
#: Groups to which questions belong: the first unless a workflow says, the next when it is late.
AIOPS_ESCALATION_GROUPS = [
    group
    for group in os.environ.get("AIOPS_ESCALATION_GROUPS", "approver,admin").split(",")
    if group
]
#: Group -> e-mail addresses and URLs of webhooks, as JSON; "*" is told whatever the group.
AIOPS_NOTIFY: dict[str, list[str]] = json.loads(os.environ.get("AIOPS_NOTIFY", "{}"))
#: Signs webhooks (Standard Webhooks): "whsec_" and 32 random bytes in base64.
AIOPS_NOTIFY_SECRET = os.environ.get("AIOPS_NOTIFY_SECRET", "")
#: Without a mail server no mail is written, let alone sent.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("EMAIL_USE_TLS", "0") == "1"
EMAIL_USE_SSL = os.environ.get("EMAIL_USE_SSL", "0") == "1"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "aiops@localhost")
AIOPS_CAN_MAIL = bool(EMAIL_HOST)
