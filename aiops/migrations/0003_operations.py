import django.db.models.deletion
import django.db.models.fields.json
import django.db.models.functions.datetime
from django.db import migrations, models

import aiops.models.ids


class Migration(migrations.Migration):
    dependencies = [
        ("aiops", "0002_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("place", models.PositiveIntegerField()),
                ("fingerprint", models.CharField(blank=True, default="", max_length=64)),
                ("verdict", models.CharField(blank=True, default="", max_length=10)),
                ("steps", models.PositiveIntegerField(default=0)),
                ("cost_microusd", models.BigIntegerField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("ready", "Will go ahead"),
                            ("left_out", "Left out"),
                            ("done", "Done"),
                            ("changed", "Has changed meanwhile: left alone"),
                            ("refused", "Refused"),
                            ("stopped", "Not done: the job was stopped"),
                        ],
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                ("at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="BulkJob",
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
                ("verb", models.CharField(max_length=20)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned: nothing has been done"),
                            ("canary", "The first few are tried"),
                            ("running", "At work"),
                            ("stopped", "Stopped"),
                            ("done", "Done"),
                        ],
                        default="planned",
                        max_length=10,
                    ),
                ),
                ("chosen", models.CharField(max_length=300)),
                ("query", models.CharField(blank=True, default="", max_length=1000)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("person", models.CharField(blank=True, default="", max_length=150)),
                ("fingerprints", models.JSONField(default=list)),
                ("made_by", models.CharField(max_length=150)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("wake_at", models.DateTimeField(blank=True, null=True)),
                ("stopped_by", models.CharField(blank=True, default="", max_length=150)),
                ("stopped_why", models.CharField(blank=True, default="", max_length=300)),
            ],
            options={
                "permissions": [("bulk_run", "Retry, cancel or escalate many runs at once")],
            },
        ),
        migrations.CreateModel(
            name="FailureGroup",
            fields=[
                ("fingerprint", models.CharField(max_length=64, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("resolved", "Resolved"),
                            ("ignored", "Ignored"),
                        ],
                        db_index=True,
                        default="open",
                        max_length=10,
                    ),
                ),
                ("ignored_until", models.DateTimeField(blank=True, null=True)),
                ("resolved_in", models.PositiveIntegerField(blank=True, null=True)),
                ("owner", models.CharField(blank=True, default="", max_length=150)),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                ("decided_by", models.CharField(blank=True, default="", max_length=150)),
                (
                    "decided_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "permissions": [("decide_failuregroup", "Resolve or ignore a group of failures")],
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("about", models.CharField(max_length=12)),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "E-mail"), ("webhook", "Webhook")], max_length=10
                    ),
                ),
                ("address", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("sent", "Sent"), ("failed", "Given up")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
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
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Pause",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "what",
                    models.CharField(
                        choices=[("pool", "Pool"), ("workflow", "Workflow")], max_length=10
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("reason", models.CharField(max_length=300)),
                ("paused_by", models.CharField(max_length=150)),
                (
                    "paused_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "permissions": [("pause_work", "Pause a pool or a workflow, or let it go on")],
            },
        ),
        migrations.AddField(
            model_name="escalation",
            name="approvals",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="escalation",
            name="closed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="escalation",
            name="closed_why",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="escalation",
            name="group",
            field=models.CharField(blank=True, default="", max_length=150),
        ),
        migrations.AddField(
            model_name="escalation",
            name="level",
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="escalation",
            name="people",
            field=models.SmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="escalation",
            name="remind_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="escalation",
            name="reminders",
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="escalation",
            name="severity",
            field=models.CharField(
                choices=[
                    ("low", "Low"),
                    ("normal", "Normal"),
                    ("high", "High"),
                    ("critical", "Critical"),
                ],
                default="normal",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="run",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="events",
                to="aiops.run",
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform("fingerprint", "error"),
                models.F("finished_at"),
                condition=models.Q(("error__isnull", False)),
                name="attempt_failed_alike",
            ),
        ),
        migrations.AddIndex(
            model_name="escalation",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["remind_at"],
                name="escalation_remind",
            ),
        ),
        migrations.AddIndex(
            model_name="escalation",
            index=models.Index(fields=["state", "opened_at"], name="escalation_by_state"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("actor", ""), _negated=True),
                name="event_by_person",
            ),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform("fingerprint", "error"),
                models.F("run"),
                condition=models.Q(("state__in", ["failed", "attention"])),
                name="step_failed_alike",
            ),
        ),
        migrations.AddField(
            model_name="bulkitem",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="aiops.run",
            ),
        ),
        migrations.AddIndex(
            model_name="bulkjob",
            index=models.Index(
                condition=models.Q(("wake_at__isnull", False)),
                fields=["wake_at"],
                name="bulk_wakes",
            ),
        ),
        migrations.AddField(
            model_name="bulkitem",
            name="job",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="aiops.bulkjob",
            ),
        ),
        migrations.AddConstraint(
            model_name="failuregroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "ignored"), _negated=True),
                    ("ignored_until__isnull", False),
                    _connector="OR",
                ),
                name="failure_group_ignored_has_end",
            ),
        ),
        migrations.AddField(
            model_name="notification",
            name="escalation",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notifications",
                to="aiops.escalation",
            ),
        ),
        migrations.AddConstraint(
            model_name="pause",
            constraint=models.UniqueConstraint(fields=("what", "name"), name="pause_once"),
        ),
        migrations.AddConstraint(
            model_name="bulkitem",
            constraint=models.UniqueConstraint(fields=("job", "place"), name="bulk_item_place"),
        ),
        migrations.AddConstraint(
            model_name="bulkitem",
            constraint=models.UniqueConstraint(fields=("job", "run"), name="bulk_item_run"),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["next_at"],
                name="notification_due",
            ),
        ),
    ]
