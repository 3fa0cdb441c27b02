"""python -m tests.catalogues: compile the catalogues of locale/, without the tools of gettext."""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("aiops", "tasks")
_CALLS = {"gettext", "gettext_noop", "gettext_lazy", "ngettext"}
#: What an author says to a user, beside the texts of `Tells`.
_SAID = {"says"}
_IN_TEMPLATES = re.compile(
    r'{%\s*translate "([^"]+)"|{%\s*blocktranslate[^%]*%}(.*?){%\s*endblocktranslate', re.DOTALL
)


def catalogues() -> list[Path]:
    return sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po"))


def entries(po: Path) -> dict[str, tuple[str, ...]]:
    """What a .po file says: msgid (with its plural behind a NUL) -> its translations."""
    found: dict[str, tuple[str, ...]] = {}
    for block in re.split(r"\n\s*\n", po.read_text(encoding="utf-8").strip()):
        parts: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            match = re.match(r'(msg\w+(?:\[\d\])?)\s+(".*")$', line)
            if match:
                keyword = match[1]
                parts[keyword] = ast.literal_eval(match[2])
            else:
                parts[keyword] += ast.literal_eval(line)
        if "msgid" not in parts:
            continue
        key = "\0".join(parts[name] for name in ("msgid", "msgid_plural") if name in parts)
        assert key not in found, f"{po} has {key!r} twice"
        found[key] = tuple(parts[name] for name in sorted(parts) if name.startswith("msgstr"))
    return found


def compiled(po: Path) -> bytes:
    """The .mo file of a .po file, as gettext's own tool lays it out, without its hash table."""
    said = {key: "\0".join(texts) for key, texts in entries(po).items() if all(texts)}
    pairs = sorted((key.encode(), text.encode()) for key, text in said.items())
    count, head = len(pairs), 28
    at = head + 16 * count
    tables: list[bytes] = []
    for texts in zip(*pairs, strict=True):
        for text in texts:
            tables.append(struct.pack("<II", len(text), at))
            at += len(text) + 1
    body = b"".join(text + b"\0" for texts in zip(*pairs, strict=True) for text in texts)
    start = struct.pack("<IIIIIII", 0x950412DE, 0, count, head, head + 8 * count, 0, head)
    return start + b"".join(tables) + body


def wanted() -> set[str]:
    """Every text that a user may read: of the code, of the templates, and of our own workflows."""
    found = set(_in_templates())
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(_in_code(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _in_templates() -> Iterator[str]:
    for path in (ROOT / "templates" / "status").iterdir():
        for plain, block in _IN_TEMPLATES.findall(path.read_text(encoding="utf-8")):
            yield plain or re.sub(r"{{ (\w+) }}", r"%(\1)s", block)


def _in_code(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in _CALLS:
            texts = [text for argument in node.args if (text := _text(argument))]
            if texts:
                yield "\0".join(texts)
        for keyword in node.keywords:
            if (keyword.arg in _SAID or name == "Tells") and (text := _text(keyword.value)):
                yield text


def _text(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text else ""  # type: ignore[attr-defined]  # a constant, then


if __name__ == "__main__":
    for po in catalogues():
        po.with_suffix(".mo").write_bytes(compiled(po))
