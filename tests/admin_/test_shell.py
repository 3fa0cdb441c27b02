"""The shell of every page is unfold's, but for what a strict policy asks for."""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path

import unfold

from aiops.servers.home import PROJECT

PLACE = "unfold/layouts/skeleton.html"
THEIRS = Path(unfold.__file__).parent / "templates" / PLACE
OURS = PROJECT / "templates" / PLACE

#: What of theirs is left out, and what is there instead, by how the lines begin.
_WITHOUT = (
    "{% load i18n static unfold %}",
    "<script src=\"{% static 'unfold/js/alpine/alpine.js' %}\" defer></script>",
    'x-data="{',
    "{% if opts %}activeTab: ",
    "sidebarMobileOpen: false,",
    "sidebarDesktopOpen: (localStorage",
    '}"',
    'x-init="',
    "activeTab = {% if opts %}getCurrentTab()",
    "$watch('sidebarDesktopOpen', ",
    '"',
    '<style id="unfold-theme-colors">',
)
_WITH = (
    "{% comment %}",
    '<meta name="htmx-config" ',
    "",
    "<script src=\"{% static 'console/no_eval.js' %}\" defer></script>",
    "<script src=\"{% static 'console/vendor/alpine-csp-",
    "x-data=\"shell('{% if opts %}",
    '<style id="unfold-theme-colors" nonce="{{ request.csp_nonce }}">',
)


def test_an_upgrade_of_unfold_that_changes_its_shell_is_noticed() -> None:
    lines = list(ndiff(THEIRS.read_text().splitlines(), OURS.read_text().splitlines()))
    gone = [line[2:].strip() for line in lines if line.startswith("- ")]
    come = [line[2:].strip() for line in lines if line.startswith("+ ")]

    assert len(gone) == len(_WITHOUT), gone
    assert len(come) == len(_WITH), come
    assert all(line.startswith(begin) for line, begin in zip(gone, _WITHOUT, strict=True)), gone
    assert all(line.startswith(begin) for line, begin in zip(come, _WITH, strict=True)), come
