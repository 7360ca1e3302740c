"""What an answer contains: code blocks with their languages and names, JSON, lists, tables, headings."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_FENCE = re.compile(r"^(?P<indent>\s{0,8})(?P<mark>`{3,}|~{3,})\s*(?P<info>[^`]*)$")
_SAME = {
    "py": "python",
    "python3": "python",
    "sqlite": "sql",
    "sqlite3": "sql",
    "postgresql": "sql",
    "mysql": "sql",
    "js": "javascript",
    "sh": "bash",
    "shell": "bash",
    "yml": "yaml",
    "md": "markdown",
    "htm": "html",
}
_ITEM = re.compile(r"^\s*(?:[-*+•‣\u2013]|\(?(?:\d{1,3}|[A-Za-z])[.)])\s+(?=\S)")
_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_MOST = 200
"""Places of a text that are tried as the start of JSON."""


@dataclass(frozen=True)
class Block:
    """A code block: its language ("" for none), what else its fence says, the line above it, its text."""

    language: str
    info: str
    above: str
    text: str


def blocks(answer: str) -> tuple[Block, ...]:
    """The answer's fenced blocks, in order. One that is not closed goes to the end; a Markdown block may hold
    others."""
    return tuple(_blocks(answer.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Block]:
    above, at = "", 0
    while at < len(lines):
        opened = _FENCE.match(lines[at])
        if not opened:
            above = lines[at] if lines[at].strip() else above
            at += 1
            continue
        mark, info = opened["mark"], opened["info"].strip()
        first = re.split(r"[\s:{,]", info, maxsplit=1)[0].casefold()
        language = _SAME.get(first, first)
        end = _end(lines, at + 1, mark, nests=language == "markdown")
        deep = len(opened["indent"])  # of a list's entry: the block is as deep
        text = "\n".join(re.sub(rf"^\s{{0,{deep}}}", "", line) for line in lines[at + 1 : end])
        yield Block(language, info, above, text)
        above, at = "", end + 1


def _end(lines: list[str], at: int, mark: str, *, nests: bool) -> int:
    """The line of the closing fence, or the number of lines."""
    depth = 0
    for number in range(at, len(lines)):
        fence = _FENCE.match(lines[number])
        if not fence or fence["mark"][0] != mark[0] or len(fence["mark"]) < len(mark):
            continue
        if fence["info"].strip():
            depth += nests
        elif depth:
            depth -= 1
        else:
            return number
    return len(lines)


def code_of(answer: str, language: str) -> str:
    """The longest block of the language; else of those that name none; else the only block; else the whole
    answer."""
    found = blocks(answer)
    wanted = _SAME.get(language.casefold(), language.casefold())
    for some in ([b for b in found if b.language == wanted], [b for b in found if not b.language]):
        if some:
            return max((b.text for b in some), key=len)
    return found[0].text if len(found) == 1 else answer


def file_of(answer: str, name: str) -> str | None:
    """The content of the block of that name: the last whose fence, line above or first line says it, looked
    for in this order; None where there is none. A first line that is only the name is not part of it. A path
    before the name is as good."""
    found = blocks(answer)
    named = re.compile(rf"(?<![\w.-])(?:[\w.-]+/|/)*{re.escape(name)}(?![\w-]|\.\w)", re.IGNORECASE)
    for block in reversed(found):
        if named.search(block.info) or _only(named, block.above):
            return _without_name(named, block.text)
    for block in reversed(found):
        first = block.text.lstrip("\n").split("\n", 1)[0]
        if _only(named, first):
            return _without_name(named, block.text)
    for block in reversed(found):
        names = re.findall(r"[\w/.-]*\w\.[A-Za-z]\w*", block.above)
        if named.search(block.above) and (len(names) < 2 or named.search(names[-1])):
            return block.text
    return None


def files_of(answer: str) -> dict[str, str]:
    """Name -> content of every block that plainly has a name: in its fence, or alone on the line above or its
    first line."""
    name = re.compile(r"(?<![\w./-])((?:[\w-][\w.-]*/)*[\w-][\w.-]*\.[A-Za-z]\w*)(?![\w/])")
    found: dict[str, str] = {}
    for block in blocks(answer):
        first = block.text.lstrip("\n").split("\n", 1)[0]
        for line in (block.info, block.above, first):
            said = name.search(line)
            if said and (line is block.info or _only(name, line)):
                found[said[1]] = _without_name(name, block.text)
                break
    return found


def _only(named: re.Pattern[str], line: str) -> bool:
    """Whether a line, without comment marks, decoration and words such as "file", is the name alone."""
    return bool(named.search(line)) and not re.search(
        r"[^\W\d_]",
        re.sub(r"\b(?:file|filename|datei|fichier|archivo)\b", "", named.sub("", line), flags=re.I),
    )


def _without_name(named: re.Pattern[str], text: str) -> str:
    first, _, rest = text.lstrip("\n").partition("\n")
    comment = re.match(r"\s*(?:#(?!!)|//|/\*|<!--|--|;|%)", first)
    return rest if comment and _only(named, first) else text


def json_of(answer: str) -> Any:
    """The value of the answer's JSON: the answer itself, the last fenced block that is any (one that says so
    first), or the only object or array in the text. ValueError says why there is none."""
    found = blocks(answer)
    said = [b.text for b in found if b.language.startswith("json")]
    for text in (answer, *reversed(said), *(b.text for b in reversed(found))):
        value = _parsed(text)
        if isinstance(value, dict | list):
            return value
    if said:
        raise ValueError("its JSON cannot be read")
    values = list(_values(answer))
    if len(values) != 1:
        raise ValueError("holds more than one JSON value" if values else "holds no JSON")
    return values[0]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _values(text: str) -> Iterator[Any]:
    decoder, at, tried = json.JSONDecoder(parse_constant=_refuse), 0, 0
    while (start := re.compile(r"[{\[]").search(text, at)) and tried < _MOST:
        tried += 1
        try:
            value, at = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            at = start.end()
            continue
        yield value


def items(answer: str) -> list[str]:
    """The list entries, bulleted or numbered."""
    return [_ITEM.sub("", line).strip() for line in lines(answer) if _ITEM.match(line)]


def lines(answer: str) -> list[str]:
    """The lines that are not empty, without code fences."""
    return [line for line in answer.splitlines() if line.strip() and not _FENCE.match(line)]


def is_fence(line: str) -> bool:
    """Whether the line opens or closes a code block."""
    return _FENCE.match(line) is not None


def table(answer: str) -> list[list[str]]:
    """The rows of the first Markdown table, its header first; else those of the CSV in a block that says so,
    or of the lines that have commas; else none."""
    every = answer.splitlines()
    for at in range(1, len(every)):
        if "|" in every[at - 1] and "-" in every[at] and _RULE.match(every[at]):
            rows = [_cells(every[at - 1])]
            for line in every[at + 1 :]:
                if "|" not in line:
                    break
                rows.append(_cells(line))
            return rows
    said = (
        [b.text for b in blocks(answer) if b.language == "csv"]
        or [b.text for b in blocks(answer)]
        or [answer]
    )
    some = [line for line in said[-1].splitlines() if "," in line or ";" in line]
    mark = ";" if some and some[0].count(";") > some[0].count(",") else ","
    try:
        return [
            [cell.strip() for cell in row] for row in csv.reader(some, delimiter=mark, skipinitialspace=True)
        ]
    except csv.Error:
        return []


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [plain(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]


def headings(answer: str) -> list[str]:
    """Lines with #, wholly bold, or that end in a colon: without these marks and without numbers."""
    found = []
    for line in lines(answer):
        text = line.strip()
        if re.match(r"#{1,6}\s", text) or re.fullmatch(r"(\*\*|__).+\1:?", text) or text.endswith(":"):
            found.append(re.sub(r"^(?:\d+[.)]\s*)+", "", plain(text.lstrip("#"))).rstrip(":").strip())
    return found


def plain(text: str) -> str:
    """Without the marks around it that make it bold, a heading, a quotation or a list entry."""
    return re.sub(r"^[\s*_`#>\"“„]+|[\s*_`\"”]+$", "", _ITEM.sub("", text))
