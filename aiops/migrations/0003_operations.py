import django.db.models.deletion
import django.db.models.fields.json
import django.db.models.functions.comparison
import django.db.models.functions.datetime
from django.db import migrations, models

import aiops.models.ids


class Migration(migrations.Migration):
    dependencies = [
        ("aiops", "0002_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("run", "Run"),
                            ("workflow", "Workflow"),
                            ("tenant", "Tenant"),
                            ("all", "Everything"),
                        ],
                        max_length=10,
                    ),
                ),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                ("day", models.DateField(blank=True, null=True)),
                ("limit_microusd", models.BigIntegerField()),
                ("spent_microusd", models.BigIntegerField(default=0)),
                ("reserved_microusd", models.BigIntegerField(default=0)),
                ("raised_by", models.CharField(blank=True, default="", max_length=150)),
                ("raised_at", models.DateTimeField(blank=True, null=True)),
                ("why", models.CharField(blank=True, default="", max_length=300)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "permissions": [("raise_budget", "Raise a budget")],
            },
        ),
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
            name="ModelCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("item", models.IntegerField(blank=True, null=True)),
                ("attempt", models.IntegerField()),
                ("workflow", models.CharField(max_length=100)),
                ("step_name", models.CharField(max_length=100)),
                ("tenant", models.CharField(max_length=100)),
                ("alias", models.CharField(max_length=100)),
                ("route", models.CharField(blank=True, default="", max_length=100)),
                ("because", models.CharField(blank=True, default="", max_length=20)),
                ("lane", models.CharField(blank=True, default="", max_length=200)),
                ("asked_model", models.CharField(max_length=200)),
                ("model", models.CharField(blank=True, default="", max_length=200)),
                ("kind", models.CharField(max_length=10)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("first", "For the first time"),
                            ("retry", "Again, after a failure"),
                            ("repair", "Again, for a better answer"),
                            ("lost", "Again, because the answer was lost"),
                        ],
                        default="first",
                        max_length=10,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("open", "On its way"),
                            ("answered", "Answered"),
                            ("reused", "Used again, not asked"),
                            ("lost", "Lost with its worker"),
                            ("transient", "Failed, may work in a moment"),
                            ("rate_limited", "Rate limited"),
                            ("ambiguous", "No answer came"),
                            ("bad_output", "Unusable answer"),
                            ("permanent_input", "Refused for good"),
                            ("lane_stopped", "Refused by the provider"),
                            ("cancelled", "Stopped on request"),
                            ("bug", "Broke off"),
                        ],
                        default="open",
                        max_length=16,
                    ),
                ),
                ("fingerprint", models.CharField(max_length=32)),
                ("prompt_hash", models.CharField(blank=True, default="", max_length=32)),
                ("template", models.CharField(blank=True, default="", max_length=100)),
                ("memo_of", models.BigIntegerField(blank=True, null=True)),
                ("tokens_in", models.IntegerField(blank=True, null=True)),
                ("tokens_cached", models.IntegerField(blank=True, null=True)),
                ("tokens_out", models.IntegerField(blank=True, null=True)),
                ("tokens_reasoning", models.IntegerField(blank=True, null=True)),
                ("cost_microusd", models.BigIntegerField(blank=True, null=True)),
                (
                    "cost_source",
                    models.CharField(
                        choices=[
                            ("provider", "The provider said it"),
                            ("table", "Tokens used, times a price"),
                            ("estimated", "What it may have used at most, times a price"),
                            ("unknown", "No price is known"),
                        ],
                        default="unknown",
                        max_length=10,
                    ),
                ),
                ("reserved_microusd", models.BigIntegerField(blank=True, null=True)),
                ("is_uncertain", models.BooleanField(default=False)),
                ("budgets", models.JSONField(blank=True, default=list)),
                ("request_id", models.CharField(blank=True, default="", max_length=200)),
                ("finish_reason", models.CharField(blank=True, default="", max_length=50)),
                ("queue_s", models.FloatField(blank=True, null=True)),
                ("provider_s", models.FloatField(blank=True, null=True)),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("over_at", models.DateTimeField()),
            ],
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
            name="Lane",
            fields=[
                ("name", models.CharField(max_length=200, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("held", "Held"),
                            ("stopped", "Stopped"),
                            ("probing", "Trying it out"),
                            ("ramping", "Picking up again"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Nothing"),
                            ("rate", "The provider limits the rate"),
                            ("failing", "The provider fails"),
                            ("quota", "No quota or credit left"),
                            ("auth", "The key is refused"),
                            ("config", "The address or the model is wrong"),
                            ("person", "A person did it"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("held_until", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("who", models.CharField(blank=True, default="", max_length=150)),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                ("probes", models.SmallIntegerField(default=0)),
                ("probes_answered", models.SmallIntegerField(default=0)),
                ("line", models.CharField(blank=True, default="", max_length=12)),
                ("line_at", models.DateTimeField(blank=True, null=True)),
                ("declared", models.JSONField(blank=True, default=dict)),
                ("own_limits", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "permissions": [("steer_lane", "Hold, stop or resume a lane")],
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
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("failed", "Given up"),
                            ("dropped", "Not needed any more"),
                        ],
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
        migrations.CreateModel(
            name="OperatorAction",
            fields=[],
            options={
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("aiops.event",),
        ),
        migrations.AlterModelOptions(
            name="escalation",
            options={
                "permissions": [("decide_escalation", "Answer an escalation")],
                "verbose_name_plural": "inbox",
            },
        ),
        migrations.AlterModelOptions(
            name="node",
            options={"verbose_name_plural": "queues and workers"},
        ),
        migrations.AlterModelOptions(
            name="workflowversion",
            options={"verbose_name_plural": "workflows"},
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
            name="not_by",
            field=models.CharField(blank=True, default="", max_length=150),
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
        migrations.AddField(
            model_name="node",
            name="limbo",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="handle",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="step",
            name="lane",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
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
        migrations.AlterField(
            model_name="step",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Nothing"),
                    ("message", "A worker of its pool"),
                    ("lease", "The worker that runs it"),
                    ("retry", "The next attempt"),
                    ("lane", "Its provider"),
                    ("budget", "Its budget"),
                    ("items", "Its items"),
                    ("approval", "An approval"),
                    ("event", "An event"),
                    ("timer", "A timer"),
                    ("child", "A child run"),
                    ("job", "A job outside"),
                    ("person", "A person's decision"),
                ],
                default="",
                max_length=10,
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
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("cost_microusd__isnull", False)),
                fields=["finished_at"],
                include=("cost_microusd",),
                name="attempt_paid",
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("cost_microusd__isnull", False)),
                fields=["run"],
                include=("cost_microusd",),
                name="attempt_cost_of_run",
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
            model_name="escalation",
            index=models.Index(
                models.OrderBy(
                    django.db.models.functions.comparison.Coalesce("answered_at", "closed_at"),
                    descending=True,
                ),
                condition=models.Q(("state", "open"), _negated=True),
                name="escalation_resolved",
            ),
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
                condition=models.Q(("reason__in", ["lane", "budget"])),
                fields=["lane"],
                name="step_parked",
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
            model_name="budget",
            name="question",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="budgets",
                to="aiops.escalation",
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
        migrations.CreateModel(
            name="CallContent",
            fields=[
                (
                    "call",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="aiops.modelcall",
                    ),
                ),
                (
                    "policy",
                    models.CharField(
                        choices=[
                            ("none", "Nothing, not even a hash"),
                            ("hash", "The hash of the prompt"),
                            ("redacted", "Text without personal data and keys"),
                            ("full", "The whole text"),
                        ],
                        max_length=10,
                    ),
                ),
                ("value", models.JSONField(blank=True, null=True)),
                ("value_ref", models.CharField(blank=True, default="", max_length=200)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="PaidAnswer",
            fields=[
                (
                    "call",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="paid",
                        serialize=False,
                        to="aiops.modelcall",
                    ),
                ),
                ("answer", models.JSONField()),
            ],
        ),
        migrations.AddField(
            model_name="modelcall",
            name="run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="model_calls",
                to="aiops.run",
            ),
        ),
        migrations.AddField(
            model_name="modelcall",
            name="step",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="model_calls",
                to="aiops.step",
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
            model_name="lane",
            name="question",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="lanes",
                to="aiops.escalation",
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
        migrations.AddIndex(
            model_name="budget",
            index=models.Index(
                models.OrderBy(models.F("day"), descending=True, nulls_last=True),
                models.F("scope"),
                name="budget_by_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(
                fields=("scope", "name", "day"), name="budget_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("limit_microusd__gte", 0), ("reserved_microusd__gte", 0)),
                name="budget_is_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope", "run"), _negated=True),
                    ("day__isnull", True),
                    _connector="OR",
                ),
                name="budget_of_run_has_no_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="bulkitem",
            constraint=models.UniqueConstraint(fields=("job", "place"), name="bulk_item_place"),
        ),
        migrations.AddConstraint(
            model_name="bulkitem",
            constraint=models.UniqueConstraint(fields=("job", "run"), name="bulk_item_run"),
        ),
        migrations.AddField(
            model_name="paidanswer",
            name="step",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="paid_answers",
                to="aiops.step",
            ),
        ),
        migrations.AddIndex(
            model_name="modelcall",
            index=models.Index(fields=["step", "attempt"], name="call_of_attempt"),
        ),
        migrations.AddIndex(
            model_name="modelcall",
            index=models.Index(fields=["run"], name="call_of_run"),
        ),
        migrations.AddIndex(
            model_name="modelcall",
            index=models.Index(fields=["started_at"], name="call_by_time"),
        ),
        migrations.AddIndex(
            model_name="modelcall",
            index=models.Index(fields=["tenant", "started_at"], name="call_by_tenant"),
        ),
        migrations.AddIndex(
            model_name="modelcall",
            index=models.Index(fields=["workflow", "started_at"], name="call_by_workflow"),
        ),
        migrations.AddIndex(
            model_name="modelcall",
            index=models.Index(
                condition=models.Q(("outcome", "open")), fields=["over_at"], name="call_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="modelcall",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("outcome", "open"), ("finished_at__isnull", False), _connector="OR"
                ),
                name="call_ended_has_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="lane",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["open", "held", "stopped", "probing", "ramping"])
                ),
                name="lane_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="lane",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "held"), _negated=True),
                    ("held_until__isnull", False),
                    _connector="OR",
                ),
                name="lane_held_has_end",
            ),
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
