"""Takes secrets out of what a server says, before anybody sees it or writes it down: the key that was sent,
whole, encoded, or in part as servers echo it, and whatever looks like a key of somebody's."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from routerlab.core.remote import LEAST_KEY

HIDDEN = "***"
PART = 4
"""Characters of a key's beginning or end that are hidden where they stand alone."""
LONG = 8
"""Characters of any part of it that are hidden wherever they are."""
_MASK = r"(?:\*{2,99}|\.{3,99}|…{1,9}|[•●#]{2,99}|[xX]{4,99}|-{4,99}|_{4,99}|<[a-z]{1,20}>|\[[a-z]{1,20}\])"
_SHAPES = re.compile(
    r"""\b(?:sk|rk|pk|gsk|xai|pplx|hf|r8|nvapi|ghp|gho|glpat|csk|fw|tgp)[-_][A-Za-z0-9*•.…_-]{8,}
    |\bAIza[\w-]{20,} | \bAKIA[0-9A-Z]{12,}
    |(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?
    |(?<=://)[^/\s:@]+:[^/\s@]+(?=@)""",
    re.VERBOSE,
)
"""Keys of known providers, tokens in three parts, and a password in an address."""
_BEARER = re.compile(r"\b(Bearer|Basic)(\s+|%20|\+)[^\s\"'<>,;]{6,}", re.IGNORECASE)
_NAMED = re.compile(
    r"""((?:api[-_ ]?key|apikey|(?:access|auth)[-_]?token|authorization|secret|password|[?&](?:key|token|sig))
    ["']?\s*[:=]\s*["']?)(?!Bearer|Basic)[^\s"'&,;<>]{4,}""",
    re.VERBOSE | re.IGNORECASE,
)
"""A value behind a name that says what it is."""


def redactor(key: str | None) -> Callable[[str], str]:
    """A function that gives a text with *** for every secret in it."""
    forms = _forms(key) if key else []
    known = key if key and len(key) >= LEAST_KEY else ""
    ends = _ends(known) if known else None
    stretches = {known[i : i + LONG] for i in range(len(known) - LONG + 1)}

    def clean(text: str) -> str:
        for form in forms:
            text = text.replace(form, HIDDEN)
        if ends:
            text = ends.sub(HIDDEN, _without(text, stretches))
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        return _NAMED.sub(rf"\1{HIDDEN}", _SHAPES.sub(HIDDEN, text))

    return clean


def _without(text: str, stretches: set[str]) -> str:
    """The text without any of these, which are equally long, and overlap where more of a key is there."""
    kept, at = [], 0
    for i in range(len(text) - LONG + 1):
        if text[i : i + LONG] in stretches:
            if i >= at:
                kept += [text[at:i], HIDDEN]
            at = i + LONG
    return "".join([*kept, text[at:]])


def _forms(key: str) -> list[str]:
    """The key as it is, and as addresses, JSON, pages and headers write it; the longest first."""
    coded = [base64.b64encode(form.encode()).decode() for form in (key, f":{key}", f"{key}:")]
    forms = [key, quote(key, safe=""), quote(key), json.dumps(key)[1:-1], html.escape(key), *coded]
    forms += [form.lower() for form in forms[1:3]]
    if len(key) >= LEAST_KEY:
        forms += [coded[0].rstrip("="), key.encode().hex(), key[::-1]]
    return sorted(dict.fromkeys(forms), key=len, reverse=True)


def _ends(key: str) -> re.Pattern[str]:
    """Matches what servers leave of a key: its first or last characters, about a mask or alone."""

    def either(parts: Iterable[str]) -> str:
        return "|".join(map(re.escape, parts))

    begin = either(key[:n] for n in range(LONG, 1, -1))
    end = either(key[-n:] for n in range(LONG, 1, -1))
    long = either(part for n in range(LONG, PART - 1, -1) for part in (key[:n], key[-n:]))
    return re.compile(
        rf"(?:{begin}|\*\*\*)\s?{_MASK}(?:\s?(?:{end}))?|{_MASK}\s?(?:{end})"
        rf"|(?<![A-Za-z0-9])(?:{long})(?![A-Za-z0-9])"
    )
