"""Django's settings. Everything that differs between machines comes from the environment."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import dj_database_url
from django.templatetags.static import static

from aiops import content_policy
from aiops.body_limit import ENVELOPE_BYTES
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
#: Keys that were in use before: what they have signed or sealed can still be read.
SECRET_KEY_FALLBACKS = [k for k in os.environ.get("SECRET_KEY_FALLBACKS", "").split(",") if k]
#: In production none unless named: the web process then refuses to start.
_HERE = "" if IS_PRODUCTION else "localhost,127.0.0.1,[::1]"
ALLOWED_HOSTS = [h for h in os.environ.get("ALLOWED_HOSTS", _HERE).split(",") if h]
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
    "corsheaders",
    # It serves the page of the API's document from its own files.
    "ninja",
    "aiops",
    # `manage.py seed_demo`: by name, as workflow files are found.
    *([] if IS_PRODUCTION else ["tasks.demo"]),
]
MIDDLEWARE = [
    # Around all others: what they refuse is told to programs as a problem, and to pages as theirs.
    "corsheaders.middleware.CorsMiddleware",
    "aiops.api.middleware.problems",
    "django.middleware.security.SecurityMiddleware",
    "aiops.content_policy.Policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
#: Documented, with what a view may do about it, in docs/security.md.
CONTENT_SECURITY_POLICY = {"DIRECTIVES": content_policy.PAGES}
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

if os.environ.get("AIOPS_SERVES") == "web":
    # Every request has a thread of its own under ASGI: a connection kept by it would be lost with it.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    _options["pool"] = {
        "min_size": 1,
        "max_size": int(os.environ.get("AIOPS_WEB_CONNECTIONS", "16")),
        # A request waits so long for its turn; one that finds none is told to come again.
        "timeout": 10,
        "max_idle": 60,
        # Its own patience doubles up to minutes: an outage would last longer here than anywhere else.
        "reconnect_timeout": 3,
    }

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
#: In which the user's view is told; the console is English.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
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

# What a browser keeps and tells (docs/security.md)

SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
#: Not "Strict": who follows a link in a message would have to sign in again.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
#: Who has signed in does so again after a working day.
SESSION_COOKIE_AGE = int(float(os.environ.get("AIOPS_SESSION_H", "12")) * 3600)

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

DEFAULT_EXCEPTION_REPORTER = "aiops.error_pages.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "aiops.error_pages.Filter"
LOGGING = logging_config(os.environ.get("LOG_LEVEL", "INFO"), is_production=IS_PRODUCTION)

#: The label beside every page's name, with a colour of unfold.
_ENVIRONMENTS = {"staging": ["Staging", "warning"], "production": ["Production", "danger"]}

#: The admin's shell: its name, its pages, and one colour for what can be pressed.
UNFOLD = {
    "SITE_TITLE": "AI operations",
    "SITE_HEADER": "AI operations",
    "SITE_SYMBOL": "account_tree",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _: static("console/icon.svg"),
        },
    ],
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

# The API (docs/api-keys.md)

#: Requests to the API that one web process answers at a time; above it, 429 at once.
AIOPS_API_IN_FLIGHT = int(os.environ.get("AIOPS_API_IN_FLIGHT", "32"))
#: Requests a minute with a wrong key from one address, before it is told to wait.
AIOPS_API_FAILURES_PER_MINUTE = int(os.environ.get("AIOPS_API_FAILURES_PER_MINUTE", "30"))
#: Origins whose pages may call the API from a browser, such as https://shop.example.com.
CORS_ALLOWED_ORIGINS = [
    origin.strip() for origin in os.environ.get("AIOPS_CORS_ORIGINS", "").split(",") if origin
]
CORS_URLS_REGEX = r"^/(api|s)/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST"]
CORS_ALLOW_HEADERS = [
    *("accept", "authorization", "content-type", "idempotency-key"),
    *("if-none-match", "last-event-id"),
]
CORS_EXPOSE_HEADERS = ["ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"]

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
#: Events from outside are kept so many days when they have started or woken a run, and so many when
#: nobody has taken them yet.
AIOPS_EVENT_DAYS = float(os.environ.get("AIOPS_EVENT_DAYS", "30"))
AIOPS_EVENT_KEPT_DAYS = float(os.environ.get("AIOPS_EVENT_KEPT_DAYS", "90"))
#: So many runs may follow each other, each started by a trigger on the event of the one before.
AIOPS_EVENT_HOPS = int(os.environ.get("AIOPS_EVENT_HOPS", "5"))
#: A whole request: an input, and what stands around it. The web process reads no further.
DATA_UPLOAD_MAX_MEMORY_SIZE = AIOPS_MAX_INPUT_BYTES + ENVELOPE_BYTES
#: A body that has not arrived after this long is refused.
AIOPS_BODY_S = float(os.environ.get("AIOPS_BODY_S", "30"))
#: Fields of a form: a list with every row ticked has a hundred.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
#: Nobody uploads files here; what is large of a body waits on the disk.
DATA_UPLOAD_MAX_NUMBER_FILES = 1
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
#: Files of the default storage hold inputs and results.
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750

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

# Streams (docs/streams.md)

#: How often what the streams follow is looked at, all of it in one query.
AIOPS_STREAM_POLL_S = float(os.environ.get("AIOPS_STREAM_POLL_S", "1"))
#: A stream on which nothing is said says that it is there.
AIOPS_STREAM_HEARTBEAT_S = float(os.environ.get("AIOPS_STREAM_HEARTBEAT_S", "15"))
#: After this long a client is to come back, and to show again who it is.
AIOPS_STREAM_LASTS_S = float(os.environ.get("AIOPS_STREAM_LASTS_S", "900"))
#: Streams that one web process keeps open.
AIOPS_STREAMS = int(os.environ.get("AIOPS_STREAMS", "2000"))
# The page that users wait on (docs/status.md)

#: Origins whose pages may show it in a frame: "https://shop.example.org,https://help.example.org".
AIOPS_EMBED_ORIGINS = [o for o in os.environ.get("AIOPS_EMBED_ORIGINS", "").split(",") if o]
#: Where somebody whose run has failed finds help: an https: or mailto: address; "" shows no button.
AIOPS_SUPPORT_URL = os.environ.get("AIOPS_SUPPORT_URL", "")

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
# Webhooks (docs/webhooks.md)

#: Networks ("10.0.0.0/8") and hosts that webhooks may call although they are not public.
AIOPS_WEBHOOKS_ALLOW = [
    entry.strip()
    for entry in os.environ.get("AIOPS_WEBHOOKS_ALLOW", "").split(",")
    if entry.strip()
]
#: Whether webhooks may be called without TLS.
AIOPS_WEBHOOKS_ALLOW_HTTP = (
    os.environ.get("AIOPS_WEBHOOKS_ALLOW_HTTP", "0" if IS_PRODUCTION else "1") == "1"
)
#: Ports that webhooks may be called at.
AIOPS_WEBHOOKS_PORTS = [
    int(port) for port in os.environ.get("AIOPS_WEBHOOKS_PORTS", "443").split(",") if port
]
#: How many webhooks are sent to at once; each of them takes one slot of the pool `io`.
AIOPS_WEBHOOKS_AT_ONCE = int(os.environ.get("AIOPS_WEBHOOKS_AT_ONCE", "4"))
#: What was sent is kept for so many days.
AIOPS_WEBHOOKS_DAYS = float(os.environ.get("AIOPS_WEBHOOKS_DAYS", "30"))

# Mail

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
