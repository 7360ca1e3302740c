"""Which of several options an answer settles on."""

import re

from routerlab.study.outcome.task import ChoiceCheck

_CUES = (
    r"\b(?:answers?|solution|choice|correct|right|conclusion|verdict|result|therefore|thus|hence|final|decision|"
    r"antwort|lösung|richtig|ergebnis|réponse|donc|respuesta|solución|risposta|resposta)|答案|回答|ответ"
)
_FILL = (
    r"(?:[\s*_`:=>\"'\u201c\u201d(\[{.,~$\\-]|"
    r"\b(?:is|are|be|would|will|the|an?|option|choice|answer|boxed|text|"
    r"ist|lautet|die|der|est|la|le|es|el|è|é)\b|是|为)"
)
_SAID_RIGHT = (
    r"[\s*_`\"'\u201d)\]]{0,4}\s(?:is|ist|est|es)\s+(?:the\s+|la\s+)?"
    r"(?:correct|right|best|answer|richtig|bonne)"
)


def check_choice(check: ChoiceCheck, answer: str) -> tuple[float, str]:
    """1 or 0, and what was chosen instead."""
    chosen = choice_of(answer, check.options)
    if chosen is None:
        return 0.0, f"names none of {', '.join(check.options)}"
    return (1.0, "") if chosen == check.right else (0.0, f"chooses {chosen} instead of {check.right}")


def choice_of(answer: str, options: tuple[str, ...]) -> str | None:
    """The option named last after a word such as "answer" or alone on a line; else the one named last at all.

    Of options that contain each other the longer is read. A single letter counts as an option where it stands
    alone, in brackets, before a bracket, a point or a colon, or at the end; case folded only where it is all
    there is.
    """
    settled = [(at, option) for at, option in (*_cued(answer, options), *_alone(answer, options))]
    if settled:
        return max(settled, key=lambda each: each[0])[1]
    named = [(m.start(), _which(m["option"], options)) for m in _anywhere(options).finditer(answer)]
    return max(named)[1] if named else None


def _which(text: str, options: tuple[str, ...]) -> str:
    """The option that the text is, case counting first."""
    squeezed = " ".join(text.split())
    alike = (" ".join(o.split()).casefold() == squeezed.casefold() for o in options)
    # What found the text folds some letters that casefold leaves apart, such as the Turkish ones.
    found = (re.fullmatch(_spaced(o), squeezed, re.IGNORECASE) is not None for o in options)
    for same in ((o == squeezed for o in options), alike, found):
        if matching := [option for option, is_it in zip(options, same, strict=True) if is_it]:
            return matching[0]
    raise AssertionError(f"{squeezed!r} is none of {options}")


def _pattern(options: tuple[str, ...]) -> str:
    """Any option as a whole word, longer ones first; single letters as they are, others with case folded."""
    ordered = sorted(options, key=len, reverse=True)
    each = [re.escape(o) if _letter(o) else f"(?i:{_spaced(o)})" for o in ordered]
    return rf"(?<![\w])(?P<option>{'|'.join(each)})(?![\w])"


def _spaced(option: str) -> str:
    return r"\s+".join(map(re.escape, option.split()))


def _letter(option: str) -> bool:
    return len(option) == 1 and option.isalpha()


def _cued(answer: str, options: tuple[str, ...]) -> list[tuple[int, str]]:
    option = _pattern(options)
    after = re.compile(rf"(?i:{_CUES}){_FILL}{{0,12}}{option}(?!\s+(?:or|oder|ou|o)\b)")
    before = re.compile(option + _SAID_RIGHT, re.IGNORECASE)
    found = [*after.finditer(answer), *(m for m in before.finditer(answer) if m["option"] in options)]
    return [(m.start("option"), _which(m["option"], options)) for m in found]


def _alone(answer: str, options: tuple[str, ...]) -> list[tuple[int, str]]:
    """Lines that are an option and nothing else; else the only letter that begins a line, as in "B) ..."."""
    found, at = [], 0
    for line in answer.splitlines(keepends=True):
        bare = re.sub(r"^[\s*_`#>\"(\[]+|[\s*_`\").\]!:,]+$", "", line)
        folded = " ".join(bare.split()).casefold()
        if folded and (same := [o for o in options if " ".join(o.split()).casefold() == folded]):
            found.append((at, _which(bare, tuple(same))))
        at += len(line)
    if found:
        return found
    lettered = [
        (m.start(), m["option"])
        for m in re.finditer(rf"^[ \t*_`(]*{_pattern(options)}[*_`]*[).:]", answer, re.MULTILINE)
        if _letter(m["option"])
    ]
    return lettered if len({option for _, option in lettered}) == 1 else []


def _anywhere(options: tuple[str, ...]) -> re.Pattern[str]:
    if not all(map(_letter, options)):
        return re.compile(_pattern(options))
    letters = "".join(map(re.escape, options))
    return re.compile(
        rf"(?:(?<=[(\[*`\"])|(?<!\w)(?=.[).:\]*`\"]|.[.!]?\s*$))(?P<option>[{letters}])(?!\w)", re.MULTILINE
    )
