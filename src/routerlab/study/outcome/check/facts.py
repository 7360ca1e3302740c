"""What an answer must say and must not say: patterns, and facts in one of several wordings."""

import re
import unicodedata

from routerlab.core.errors import LabError
from routerlab.study.outcome.task import FactsCheck, RegexCheck

SECONDS = 2.0
"""A pattern that takes longer on an answer is not found in it."""
_MARKS = str.maketrans(
    {
        "\u2019": "'",
        "\u2018": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2011": "-",
        "\u2212": "-",
        "*": None,
        "`": None,
    }
)
_UNSPACED = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Scripts without spaces between words: no whole words to look for."""


def check_regex(check: RegexCheck, answer: str) -> tuple[float, str]:
    """1 or 0, and whether the pattern was missing. LabError for one that is no regular expression."""
    import regex  # re, with a limit of time

    flags = 0 if check.case_sensitive else regex.IGNORECASE
    try:
        found = regex.search(check.pattern, answer.strip(), flags, timeout=SECONDS) is not None
    except regex.error as e:
        raise LabError(f"pattern {check.pattern!r} is no regular expression: {e}") from None
    except TimeoutError:
        return 0.0, f"matching {check.pattern} took longer than {SECONDS:g} s"
    if found != check.absent:
        return 1.0, ""
    return 0.0, f"{'has' if found else 'has no'} {check.pattern}"


def check_facts(check: FactsCheck, answer: str) -> tuple[float, str]:
    """The share of the facts that are there, 0 if one is there that must not be; and which."""
    text = _folded(answer)
    if bad := [fact for fact in check.absent if _says(text, fact)]:
        return 0.0, f"says {bad[0]!r}"
    wanted = [(fact,) if isinstance(fact, str) else fact for fact in check.present]
    missing = [fact[0] for fact in wanted if not any(_says(text, wording) for wording in fact)]
    share = 1 - len(missing) / len(wanted) if wanted else 1.0
    return share, f"does not say {', '.join(map(repr, missing))}" if missing else ""


def _folded(text: str) -> str:
    """Case, white space, typographic marks and Markdown's emphasis folded."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_MARKS).casefold().split())


def _says(text: str, wording: str) -> bool:
    """Whether the folded text has the wording, as whole words."""
    words = _folded(wording)
    before = r"(?<!\w)" if re.match(rf"(?![{_UNSPACED}])\w", words) else ""
    after = r"(?!\w)" if re.search(rf"(?![{_UNSPACED}])\w$", words) else ""
    return re.search(before + re.escape(words) + after, text) is not None
