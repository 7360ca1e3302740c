"""How a text is built: counts, lines, lists, tables, headings, verse."""

import re
from collections.abc import Callable, Iterator
from itertools import groupby

from routerlab.core.corpus import fold
from routerlab.study.outcome.check import extract
from routerlab.study.outcome.task import Count, TextCheck

_SHORT = "".join(
    rf"(?<!\b{word})" for word in ("Mr", "Mrs", "Ms", "Dr", "St", "vs", r"e\.g", r"i\.e", r"z\.B", "ca")
)
_SENTENCE = re.compile(rf"(?:[!?…]|{_SHORT}\.)+[\"'”\u2019»)\]*_]*(?=\s|$)|[\u3002\uff01\uff1f]")


def check_text(check: TextCheck, answer: str) -> tuple[float, str]:
    """The share of the rules that hold, and what the others found."""
    said = list(_rules(check, answer))
    wrong = [f"{name}: {what}" for name, what in said if what]
    return 1 - len(wrong) / max(1, len(said)), "; ".join(wrong)


def _rules(check: TextCheck, answer: str) -> Iterator[tuple[str, str]]:
    """Each rule that is set, with "" or what is wrong."""
    lines = extract.lines(answer)
    counts: dict[str, Callable[[], int]] = {
        "words": lambda: len(word_list(" ".join(lines))),
        "lines": lambda: len(lines),
        "sentences": lambda: sentences(answer),
        "paragraphs": lambda: len(_paragraphs(answer)),
        "items": lambda: len(extract.items(answer)),
    }
    for name, count in counts.items():
        if wanted := getattr(check, name):
            yield name, _outside(wanted, count())
    yield from _table_rules(check, answer)
    yield from _line_rules(check, lines)
    text = "\n".join(_unfenced(answer)).strip()
    if check.letters_absent is not None:
        found = sorted(set(check.letters_absent.casefold()) & set(text.casefold()))
        yield "letters_absent", f"has {', '.join(found)}" if found else ""
    if check.starts is not None:
        first = extract.plain(text)
        begins = any(fold(each).startswith(fold(check.starts)) for each in (text, first))
        yield "starts", "" if begins else f"starts with {text[:30]!r}"
    if check.ends is not None:
        ends = any(fold(each).endswith(fold(check.ends)) for each in (text, extract.plain(text)))
        yield "ends", "" if ends else f"ends with {text[-30:]!r}"
    if check.sections is not None:
        yield "sections", _missing(check.sections, extract.headings(answer))


def _table_rules(check: TextCheck, answer: str) -> Iterator[tuple[str, str]]:
    if check.rows is None and check.columns is None and check.header is None:
        return
    table = extract.table(answer)
    header, rows = (table[0], table[1:]) if table else ([], [])
    if check.rows is not None:
        yield "rows", _outside(check.rows, len(rows))
    if check.columns is not None:
        wrong = [outside for row in table if (outside := _outside(check.columns, len(row)))]
        yield "columns", wrong[0] if wrong else "" if table else "no table"
    if check.header is not None:
        same = [fold(extract.plain(cell)) for cell in header] == [fold(name) for name in check.header]
        yield "header", "" if same else f"is {', '.join(header) or 'not there'}"


def _line_rules(check: TextCheck, lines: list[str]) -> Iterator[tuple[str, str]]:
    if check.words_a_line is not None:
        counts = [len(word_list(line)) for line in lines]
        wrong = [
            f"line {n}: {out}" for n, c in enumerate(counts, 1) if (out := _outside(check.words_a_line, c))
        ]
        yield "words_a_line", "" if lines and not wrong else (wrong or ["no lines"])[0]
    if check.syllables is not None:
        yield "syllables", _syllables(check.syllables, lines)
    if check.rhyme is not None:
        yield "rhyme", _rhyme(check.rhyme, lines)
    if check.acrostic is not None:
        letters = "".join(next((c for c in extract.plain(line) if c.isalnum()), "") for line in lines)
        same = fold(letters) == fold(check.acrostic).replace(" ", "")
        yield "acrostic", "" if same else f"the lines say {letters}"


def word_list(text: str) -> list[str]:
    """What stands between white space and has a letter or digit in it, as word counts of editors have it."""
    return [word for word in text.split() if any(c.isalnum() for c in word)]


def sentences(answer: str) -> int:
    """How many sentences, by their final marks; a paragraph's end without one ends a sentence, too."""
    count = 0
    for paragraph in _paragraphs(answer):
        parts = _SENTENCE.split(paragraph)
        count += sum(any(c.isalnum() for c in part) for part in parts)
    return count


def _paragraphs(answer: str) -> list[str]:
    """What empty lines part."""
    groups = groupby(_unfenced(answer), key=lambda line: bool(line.strip()))
    return ["\n".join(some) for filled, some in groups if filled]


def _unfenced(answer: str) -> list[str]:
    return [line for line in answer.splitlines() if not extract.is_fence(line)]


def _outside(wanted: Count, count: int) -> str:
    least, most = wanted
    if least <= count <= most:
        return ""
    return f"{count} instead of {least}" if least == most else f"{count} instead of {least} to {most}"


def _missing(wanted: tuple[str, ...], found: list[str]) -> str:
    """The first heading that is not there in its turn."""
    rest = iter([fold(heading) for heading in found])
    for name in wanted:
        if fold(name) not in rest:
            return f"{name!r} is not there in its turn"
    return ""


def _syllables(wanted: tuple[int, ...], lines: list[str]) -> str:
    from routerlab.study.outcome.check.rhyme import syllables

    if len(lines) != len(wanted):
        return f"{len(lines)} lines instead of {len(wanted)}"
    for number, (line, count) in enumerate(zip(lines, wanted, strict=True), 1):
        if count not in (found := syllables(line)):
            have = " or ".join(map(str, sorted(found)[:3])) or "a number, not to be counted,"
            return f"line {number} has {have} instead of {count}"
    return ""


def _rhyme(pattern: str, lines: list[str]) -> str:
    """A line rhymes with the last one of its letter; a character that is no letter leaves a line free."""
    from routerlab.study.outcome.check.rhyme import rhymes

    if len(lines) != len(pattern):
        return f"{len(lines)} lines instead of {len(pattern)}"
    last: dict[str, int] = {}
    for number, letter in enumerate(pattern):
        if not letter.isalpha():
            continue
        if letter in last and not rhymes(lines[last[letter]], lines[number]):
            return f"lines {last[letter] + 1} and {number + 1} do not rhyme"
        last[letter] = number
    return ""
