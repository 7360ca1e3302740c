"""The text of a corpus: cases written as people write them, and a person's file added to, not rewritten."""

import re
from collections.abc import Mapping, Sequence

from routerlab.core.corpus import Case
from routerlab.core.errors import LabError
from routerlab.core.files.toml import TOKEN
from routerlab.core.prediction import Record
from routerlab.core.session.fragment import toml_value

_FIRST = (
    "id",
    "label",
    "fit",
    "difficulty",
    "language",
    "notes",
    "also",
    "group",
    "author",
    "created",
    "source",
    "source_id",
)
_PROSE = ("prompt", "notes")

_HEAD = re.compile(r"^[ \t]*\[\[", re.MULTILINE)


def case_text(case: Case) -> str:
    """The case as a `[[case]]` table that begins with an empty line; the prompt comes last."""
    data = case.model_dump(exclude_none=True, exclude_defaults=True)
    ordered = {key: data[key] for key in (*_FIRST, *data) if key in data and key != "prompt"}
    return "\n[[case]]\n" + _lines({**ordered, "prompt": case.prompt})


def entry_text(entry: Record) -> str:
    """A case of an overlay, which has no prompt, as a `[[case]]` table that begins with an empty line."""
    return "\n[[case]]\n" + _lines(entry.model_dump(exclude_none=True, exclude_defaults=True))


def cut(text: str, n: int) -> tuple[str, list[str]]:
    """What stands before the `n` cases, and the text of each; joined they are `text` again.

    A case begins with the comment lines right above its `[[case]]`. LabError when that is not how all cases
    are written.
    """
    bare = TOKEN.sub(_blank, text)
    bounds = [_with_comment(bare, head.start()) for head in _HEAD.finditer(bare)]
    if len(bounds) != n:
        raise LabError("its text cannot be kept as it is; write every case as a [[case]] table of its own")
    parts = [text[a:b] for a, b in zip(bounds, [*bounds[1:], len(text)], strict=True)]
    return text[: bounds[0] if bounds else len(text)], parts


def add_cases(text: str, n: int, more: Mapping[int, Mapping[str, object]], added: Sequence[Case]) -> str:
    """`text`, which has `n` cases, with the cases `added` at its end, and `more` keys put into the tables of
    cases by their index. Nothing that was there changes; lines end as those of the file do."""
    end = line_end(text)
    preface, parts = cut(text, n)
    for i, data in more.items():
        parts[i] = _with_keys(parts[i], data, end)
    text = preface + "".join(parts)
    if added and not text.endswith("\n"):
        text += end
    return text + "".join(map(case_text, added)).replace("\n", end)


def renamed(preface: str, name: str) -> str:
    """What stands before the cases, with another name; LabError where the name is not on its own line."""
    bare = TOKEN.sub(_blank, preface)
    found = re.search(r"^[ \t]*name[ \t]*=[ \t]*", bare, re.MULTILINE)
    value = TOKEN.match(preface, found.end()) if found else None
    if value is None:
        raise LabError('its name cannot be changed; write name = "..." on a line of its own')
    return preface[: value.start()] + toml_value(name) + preface[value.end() :]


def line_end(text: str) -> str:
    """How the lines of the text end."""
    return "\r\n" if "\r\n" in text else "\n"


def _with_keys(part: str, data: Mapping[str, object], end: str) -> str:
    """The case's text with `data` on the lines after its id, or after its head."""
    bare = TOKEN.sub(_blank, part)
    found = re.search(r"^([ \t]*)id[ \t]*=[ \t]*", bare, re.MULTILINE)
    value = TOKEN.match(part, found.end()) if found else None
    head = _HEAD.search(bare)
    line = bare.find("\n", value.end() if value else head.end() if head else 0) + 1
    if not line:
        part += end
        line = len(part)
    indent = found[1] if found else ""
    lines = "".join(indent + each for each in _lines(data).splitlines(keepends=True))
    return part[:line] + lines.replace("\n", end) + part[line:]


def _lines(data: Mapping[str, object]) -> str:
    return "".join(
        f"{key} = {_prose(value) if isinstance(value, str) and key in _PROSE else toml_value(value)}\n"
        for key, value in data.items()
    )


def _prose(text: str) -> str:
    """A string of several lines where the text has some, literal if nothing in it needs an escape."""
    lines = text.split("\n")
    if len(lines) == 1:
        return toml_value(text)
    plain = all(line.replace("\t", " ").isprintable() for line in lines)
    if plain and "'''" not in text and not text.endswith("'"):
        return f"'''\n{text}'''"
    return '"""\n' + "\n".join(toml_value(line)[1:-1] for line in lines) + '"""'


def _blank(token: re.Match[str]) -> str:
    """As many characters in as many lines, by which a comment is still told from a string."""
    mark = "#" if token[0][0] == "#" else "_"
    return mark + "\n".join("_" * len(line) for line in token[0][1:].split("\n"))


def _with_comment(bare: str, start: int) -> int:
    """Where the comment lines right above the line at `start` begin."""
    while start:
        above = bare.rfind("\n", 0, start - 1) + 1
        if not bare[above:start].lstrip().startswith("#"):
            break
        start = above
    return start
