"""The front doors: keys, webhooks, events in and triggers, schedules, promises."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

import aiops.models.ids
import aiops.models.schedule
import aiops.models.trigger


class Migration(migrations.Migration):
    dependencies = [
        ("aiops", "0004_console_roles"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=aiops.models.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("tenant", models.CharField(blank=True, default="default", max_length=100)),
                ("scopes", models.JSONField(default=list)),
                ("prefix", models.CharField(max_length=12, unique=True)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("per_minute", models.PositiveIntegerField(default=600)),
                ("streams", models.PositiveIntegerField(default=100)),
                ("made_by", models.CharField(blank=True, default="", max_length=150)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "API key",
                "permissions": [
                    ("rotate_apikey", "Replace an API key by a new one"),
                    ("revoke_apikey", "Revoke an API key"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("whose", models.UUIDField()),
                ("key", models.CharField(max_length=200)),
                ("digest", models.CharField(max_length=64)),
                ("answer", models.JSONField(blank=True, null=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Backfill",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("from_at", models.DateTimeField()),
                ("to_at", models.DateTimeField()),
                ("at_once", models.PositiveSmallIntegerField(default=2)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "At work"), ("stopped", "Stopped"), ("done", "Done")],
                        default="running",
                        max_length=8,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("made_by", models.CharField(max_length=150)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("stopped_by", models.CharField(blank=True, default="", max_length=150)),
                ("stopped_why", models.CharField(blank=True, default="", max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="Firing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("trigger_name", models.CharField(max_length=80)),
                ("run", models.UUIDField(blank=True, null=True)),
                ("error", models.TextField(blank=True, default="")),
                ("tries", models.PositiveIntegerField(default=1)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Occurrence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("due_at", models.DateTimeField()),
                ("starts_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Will start"),
                            ("started", "Started"),
                            ("queued", "Started behind another"),
                            ("skipped", "Skipped"),
                            ("missed", "Missed"),
                            ("refused", "Refused"),
                        ],
                        max_length=8,
                    ),
                ),
                ("why", models.CharField(blank=True, default="", max_length=500)),
                ("asked_by", models.CharField(blank=True, default="", max_length=150)),
                ("stands_for", models.PositiveIntegerField(default=1)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Promise",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=254)),
                ("language", models.CharField(default="en", max_length=10)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Owed"),
                            ("kept", "Kept"),
                            ("broken", "Given up"),
                            ("dropped", "Not needed any more"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("told", models.CharField(blank=True, default="", max_length=12)),
                ("tries", models.SmallIntegerField(default=0)),
                (
                    "next_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("error", models.CharField(blank=True, default="", max_length=300)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("kept_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Schedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("workflow", models.CharField(max_length=100)),
                ("tenant", models.CharField(default="default", max_length=100)),
                ("input", models.JSONField(blank=True, default=dict)),
                ("title", models.CharField(blank=True, default="", max_length=200)),
                (
                    "priority",
                    models.CharField(
                        choices=[
                            ("interactive", "Someone is waiting for it"),
                            ("batch", "May wait until there is room"),
                        ],
                        default="batch",
                        max_length=12,
                    ),
                ),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("start_at", models.DateTimeField(default=aiops.models.schedule.whole_second)),
                ("end_at", models.DateTimeField(blank=True, null=True)),
                ("jitter_s", models.PositiveIntegerField(default=0)),
                (
                    "overlap",
                    models.CharField(
                        choices=[
                            ("skip", "Skip this one"),
                            ("queue", "Start it when the earlier one has ended"),
                            ("replace", "Stop the earlier one, and start this one"),
                            ("allow", "Start it beside the earlier one"),
                        ],
                        default="skip",
                        max_length=8,
                    ),
                ),
                ("catch_up_s", models.PositiveIntegerField(default=3600)),
                (
                    "catch_up",
                    models.CharField(
                        choices=[("latest", "Only the latest"), ("each", "Each of them")],
                        default="latest",
                        max_length=6,
                    ),
                ),
                ("paused_at", models.DateTimeField(blank=True, null=True)),
                ("paused_by", models.CharField(blank=True, default="", max_length=150)),
                ("paused_why", models.CharField(blank=True, default="", max_length=300)),
                ("considered_until", models.DateTimeField(default=django.utils.timezone.now)),
                ("made_by", models.CharField(blank=True, default="", max_length=150)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "ordering": ["name"],
                "permissions": [
                    ("run_schedule", "Run a schedule now"),
                    ("pause_schedule", "Pause or resume a schedule"),
                    ("backfill_schedule", "Back-fill a schedule"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SignInFailure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(blank=True, max_length=45)),
                ("name_digest", models.CharField(max_length=64)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Trigger",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80, unique=True)),
                ("tenant", models.CharField(blank=True, default="default", max_length=100)),
                ("event", models.CharField(max_length=200, verbose_name="type of the event")),
                ("source", models.CharField(blank=True, default="", max_length=300)),
                ("condition", models.CharField(blank=True, default="", max_length=500)),
                ("workflow", models.CharField(max_length=100)),
                ("input", models.JSONField(default=aiops.models.trigger.the_data)),
                ("key", models.CharField(blank=True, default="", max_length=500)),
                ("title", models.CharField(blank=True, default="", max_length=500)),
                (
                    "priority",
                    models.CharField(
                        choices=[
                            ("interactive", "Someone is waiting for it"),
                            ("batch", "May wait until there is room"),
                        ],
                        default="interactive",
                        max_length=12,
                    ),
                ),
                (
                    "if_exists",
                    models.CharField(
                        choices=[
                            ("return", "Leave the run that is there"),
                            ("reject", "Refuse it, and say so"),
                            ("replace", "Cancel that run, and start this one"),
                            ("queue", "Start this one after that run"),
                        ],
                        default="return",
                        max_length=10,
                        verbose_name="same key again",
                    ),
                ),
                ("is_active", models.BooleanField(default=False, verbose_name="active")),
                ("made_by", models.CharField(blank=True, default="", max_length=150)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("changed_by", models.CharField(blank=True, default="", max_length=150)),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "permissions": [("steer_trigger", "Activate or pause a trigger")],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("message_id", models.UUIDField(default=aiops.models.ids.new_id, editable=False)),
                ("event_id", models.BigIntegerField(blank=True, null=True)),
                ("kind", models.CharField(max_length=40)),
                ("data", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("failed", "Given up"),
                            ("dropped", "Dropped"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("tries", models.PositiveIntegerField(default=0)),
                (
                    "next_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("trying_since", models.DateTimeField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("error", models.CharField(blank=True, default="", max_length=300)),
                ("excerpt", models.CharField(blank=True, default="", max_length=500)),
                ("attempts", models.JSONField(blank=True, default=list)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("replay_of", models.BigIntegerField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "permissions": [("replay_delivery", "Send deliveries of webhooks again")],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=aiops.models.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("url", models.CharField(max_length=500)),
                ("tenant", models.CharField(blank=True, default="default", max_length=100)),
                ("kinds", models.JSONField(blank=True, default=list)),
                ("workflows", models.JSONField(blank=True, default=list)),
                ("gives_result", models.BooleanField(default=False)),
                ("secrets", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("paused", "Paused by a person"),
                            ("disabled", "Disabled: it takes nothing"),
                            ("removed", "Removed"),
                        ],
                        default="active",
                        max_length=10,
                    ),
                ),
                ("why", models.CharField(blank=True, default="", max_length=300)),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=300)),
                ("held_until", models.DateTimeField(blank=True, null=True)),
                ("turn", models.PositiveIntegerField(default=0)),
                ("served_at", models.DateTimeField(blank=True, null=True)),
                ("made_by", models.CharField(blank=True, default="", max_length=150)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "verbose_name": "webhook",
                "permissions": [
                    ("configure_webhook", "Make, change, rotate and remove webhooks"),
                    ("steer_webhook", "Pause, resume and test webhooks"),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="signal",
            options={
                "permissions": [("retry_event", "Try an event again that could not start a run")],
                "verbose_name": "event in",
                "verbose_name_plural": "events in",
            },
        ),
        migrations.RemoveConstraint(
            model_name="signal",
            name="signal_once",
        ),
        migrations.AddField(
            model_name="signal",
            name="actor",
            field=models.CharField(
                blank=True, default="", max_length=150, verbose_name="handed in by"
            ),
        ),
        migrations.AddField(
            model_name="signal",
            name="became",
            field=models.CharField(
                choices=[
                    ("kept", "Kept"),
                    ("woke", "Woke a run"),
                    ("started", "Started a run"),
                    ("failed", "Could not start a run"),
                ],
                default="kept",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="signal",
            name="extensions",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="signal",
            name="happened_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="signal",
            name="has_started",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="signal",
            name="last_seen_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="signal",
            name="source",
            field=models.CharField(default="", max_length=300),
        ),
        migrations.AddField(
            model_name="signal",
            name="subject",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="signal",
            name="woken",
            field=models.JSONField(default=list),
        ),
        migrations.AlterField(
            model_name="escalation",
            name="kind",
            field=models.CharField(
                choices=[
                    ("approval", "Approval"),
                    ("in_doubt", "May have happened"),
                    ("retries_used_up", "Retries used up"),
                    ("bug", "Unexpected error"),
                    ("bad_output", "Unusable answers"),
                    ("waited_too_long", "Held up too long"),
                    ("items_failed", "Too many items failed"),
                    ("event_missing", "The event did not come"),
                    ("child_failed", "Its child run failed"),
                    ("lost", "Lost three workers"),
                    ("lane", "The provider refuses"),
                    ("budget", "Over budget"),
                    ("question", "The step asks"),
                    ("code_gone", "Its code is gone"),
                    ("by_hand", "Asked by a person"),
                    ("webhook", "A receiver takes nothing"),
                    ("promise", "A promise was not kept"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="signal",
            name="name",
            field=models.CharField(max_length=200, verbose_name="type"),
        ),
        migrations.AlterField(
            model_name="signal",
            name="source_id",
            field=models.CharField(max_length=200, verbose_name="id of its sender"),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(fields=["-received_at"], name="signal_newest"),
        ),
        migrations.AddIndex(
            model_name="signal",
            index=models.Index(
                condition=models.Q(("became", "failed")),
                fields=["-received_at"],
                name="signal_failed",
            ),
        ),
        # Events of before have no source: the name takes its place, as it does for those of a person.
        migrations.RunSQL(
            "UPDATE aiops_signal SET source = 'event:' || name, last_seen_at = received_at,"
            " became = CASE WHEN taken_by IS NULL THEN 'kept' ELSE 'woke' END",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name="signal",
            constraint=models.UniqueConstraint(
                fields=("tenant", "source", "source_id"), name="signal_once"
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="replaced_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replaces",
                to="aiops.apikey",
            ),
        ),
        migrations.AddIndex(
            model_name="apirequest",
            index=models.Index(fields=["at"], name="api_request_by_time"),
        ),
        migrations.AddConstraint(
            model_name="apirequest",
            constraint=models.UniqueConstraint(fields=("whose", "key"), name="api_request_once"),
        ),
        migrations.AddField(
            model_name="firing",
            name="signal",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="firings",
                to="aiops.signal",
            ),
        ),
        migrations.AddField(
            model_name="occurrence",
            name="backfill",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="occurrences",
                to="aiops.backfill",
            ),
        ),
        migrations.AddField(
            model_name="occurrence",
            name="run",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="occurrences",
                to="aiops.run",
            ),
        ),
        migrations.AddField(
            model_name="promise",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="promises", to="aiops.run"
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="clocked",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="django_celery_beat.clockedschedule",
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="crontab",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="django_celery_beat.crontabschedule",
            ),
        ),
        migrations.AddField(
            model_name="schedule",
            name="interval",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="django_celery_beat.intervalschedule",
            ),
        ),
        migrations.AddField(
            model_name="occurrence",
            name="schedule",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="occurrences",
                to="aiops.schedule",
            ),
        ),
        migrations.AddField(
            model_name="backfill",
            name="schedule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="backfills",
                to="aiops.schedule",
            ),
        ),
        migrations.AddIndex(
            model_name="signinfailure",
            index=models.Index(fields=["address", "at"], name="sign_in_of_address"),
        ),
        migrations.AddIndex(
            model_name="signinfailure",
            index=models.Index(fields=["name_digest", "at"], name="sign_in_of_name"),
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("name", ""), _negated=True), models.Q(("event", ""), _negated=True)
                ),
                name="trigger_is_named",
            ),
        ),
        migrations.AddField(
            model_name="firing",
            name="trigger",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="firings",
                to="aiops.trigger",
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="run",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="aiops.run",
            ),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="question",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="webhooks",
                to="aiops.escalation",
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="endpoint",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="aiops.webhookendpoint",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="api_key_has_name"
            ),
        ),
        migrations.AddIndex(
            model_name="promise",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["next_at"], name="promise_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="promise",
            constraint=models.UniqueConstraint(
                fields=("run", "address"), name="promise_once_to_each"
            ),
        ),
        migrations.AddConstraint(
            model_name="promise",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "kept", "broken", "dropped"])),
                name="promise_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("clocked__isnull", True),
                        ("crontab__isnull", False),
                        ("interval__isnull", True),
                    ),
                    models.Q(
                        ("clocked__isnull", True),
                        ("crontab__isnull", True),
                        ("interval__isnull", False),
                    ),
                    models.Q(
                        ("clocked__isnull", False),
                        ("crontab__isnull", True),
                        ("interval__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="schedule_has_one_kind_of_times",
            ),
        ),
        migrations.AddConstraint(
            model_name="schedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("end_at__isnull", True), ("end_at__gt", models.F("start_at")), _connector="OR"
                ),
                name="schedule_ends_after_start",
                violation_error_message="It ends before it starts: choose a later end.",
            ),
        ),
        migrations.AddIndex(
            model_name="occurrence",
            index=models.Index(
                condition=models.Q(("state", "planned")),
                fields=["backfill", "due_at"],
                name="occurrence_planned",
            ),
        ),
        migrations.AddIndex(
            model_name="occurrence",
            index=models.Index(
                condition=models.Q(("run__isnull", True)),
                fields=["due_at"],
                name="occurrence_without_run",
            ),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.UniqueConstraint(
                fields=("schedule", "due_at"), name="occurrence_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["planned", "started", "queued", "skipped", "missed", "refused"])
                ),
                name="occurrence_state_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="backfill",
            index=models.Index(
                condition=models.Q(("state", "running")),
                fields=["schedule"],
                name="backfill_at_work",
            ),
        ),
        migrations.AddConstraint(
            model_name="backfill",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["running", "stopped", "done"])),
                name="backfill_state_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="firing",
            index=models.Index(fields=["trigger", "-at"], name="firing_of_trigger"),
        ),
        migrations.AddConstraint(
            model_name="firing",
            constraint=models.UniqueConstraint(fields=("signal", "trigger"), name="firing_once"),
        ),
        migrations.AddConstraint(
            model_name="firing",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("run__isnull", False), models.Q(("error", ""), _negated=True), _connector="XOR"
                ),
                name="firing_started_or_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="webhook_has_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["active", "paused", "disabled", "removed"])),
                name="webhook_state_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["endpoint", "next_at"],
                name="delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["endpoint", "run", "id"],
                name="delivery_line",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("run__isnull", False)), fields=["run"], name="delivery_of_run"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                models.F("endpoint"),
                models.OrderBy(models.F("id"), descending=True),
                name="delivery_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "waiting"), _negated=True),
                fields=["made_at"],
                name="delivery_to_sweep",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "sent", "failed", "dropped"])),
                name="delivery_state_is_known",
            ),
        ),
    ]
