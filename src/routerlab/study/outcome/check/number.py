"""The number an answer gives, as people write numbers."""

import math
import re
import unicodedata

from routerlab.study.outcome.task import NumberCheck

_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_DIGITS = r"\d{1,3}(?:[,.'\u2019_ \u00a0\u2009\u202f]\d{3})+(?![\d])(?:[.,]\d+)?|\d+(?:[.,]\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"""(?P<sign>(?<![\w)\]])[-+]\s?)?(?<![\d.,])(?:[$€£]\s?)?
    (?:(?P<whole>\d+)\s+(?=\d+/\d+))?
    (?:\\[dt]?frac\{{(?P<over>\d+)\}}\{{(?P<under>\d+)\}}
    |(?P<digits>{_DIGITS})
     (?:\s?/\s?(?P<by>\d+(?:\.\d+)?)(?![\d/])
     |[eE](?P<e>[+-]?\d{{1,4}})(?!\w)
     |\s?(?:\u00d7|x|X|\*|·|\\times|\\cdot)\s?10\s?(?:\^|\*\*)\s?\{{?(?P<ten>[+-]?\d{{1,4}})\}}?
     |\s?(?:\^|\*\*)\s?\{{?(?P<power>[+-]?\d{{1,3}})\}}?)?)
    (?P<percent>\s?(?:\\?%|percent\b|per\ cent\b|Prozent\b))?""",
    re.VERBOSE,
)


def check_number(check: NumberCheck, answer: str) -> tuple[float, str]:
    """1 or 0, and what was read instead."""
    readings = number_of(answer, check.after)
    if not readings:
        return 0.0, "gives no number"
    within = max(check.within, check.within_share * abs(check.value), 1e-9 * abs(check.value))
    if any(abs(value - check.value) <= within for value in readings):
        return 1.0, ""
    return 0.0, f"gives {readings[0]:.10g} instead of {check.value:.10g}"


def number_of(answer: str, after: str | None = None) -> tuple[float, ...]:
    """How the answer's number can be read, the likeliest first; none where there is no number.

    It is the first after the last `after` (if that line goes on with "=", the one after the last "="), or
    the last of all. 25 % is 25 or 0.25; 1,234 and 1.234 may be thousands or not.
    """
    text = _folded(answer)
    if after is not None and (parts := re.split(re.escape(_folded(after)), text, flags=re.IGNORECASE))[1:]:
        rest = parts[-1]
        line = rest.lstrip(" \t*_:").split("\n", 1)[0]
        for part in (re.split(r"[=≈]", line)[-1], rest):
            if found := _NUMBER.search(part):
                return _readings(found)
    every = list(_NUMBER.finditer(text))
    return _readings(every[-1]) if every else ()


def _folded(text: str) -> str:
    """One minus, exponents after ^, ½ as 1/2."""
    text = re.sub(r"([⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "^" + m[1].translate(_SUPER), text)
    text = re.sub(
        "[¼-¾⅐-⅞]", lambda m: " " + unicodedata.normalize("NFKC", m[0]).replace("\u2044", "/"), text
    )
    return re.sub("[\u2212\u2013\u2011]", "-", text).replace("\\,", "").replace("{,}", ",")


def _readings(found: re.Match[str]) -> tuple[float, ...]:
    sign = -1.0 if (found["sign"] or "").startswith("-") else 1.0
    if found["over"]:
        values = [_ratio(float(found["over"]), float(found["under"]))]
    else:
        values = _digits(found["digits"])
        if found["by"]:
            values = [_ratio(value, float(found["by"])) for value in values]
        elif ten := found["e"] or found["ten"]:
            values = [value * 10.0 ** max(-300, min(290, int(ten))) for value in values]
        elif found["power"]:
            values = [_power(value, int(found["power"])) for value in values]
    if found["whole"]:
        values = [float(found["whole"]) + value for value in values]
    values = [sign * value for value in values]
    if found["percent"]:
        values += [value / 100 for value in values]
    return tuple(value for value in values if math.isfinite(value))


def _digits(text: str) -> list[float]:
    """The ways to read digits with separators: a lone comma or point before three digits may be either."""
    bare, last = (re.sub(r"[\s'\u2019_]", "", part) for part in (text, text.split(" ")[-1]))
    marks = re.findall(r"[.,]", bare)
    if not marks:
        return [float(bare), float(last)] if " " in text else [float(bare)]
    last_mark = marks[-1]
    whole, _, part = bare.rpartition(last_mark)
    decimal = float(re.sub(r"[.,]", "", whole or "0") + "." + part)
    thousands = float(re.sub(r"[.,]", "", bare))
    if len(marks) > 1:
        return [decimal] if len(set(marks)) > 1 and marks.count(last_mark) == 1 else [thousands]
    if len(part) != 3 or whole in ("", "0") or len(whole) > 3 or whole != bare.split(last_mark)[0]:
        return [decimal]
    return [thousands, decimal] if last_mark == "," else [decimal, thousands]


def _ratio(over: float, under: float) -> float:
    return over / under if under else math.nan


def _power(base: float, exponent: int) -> float:
    try:
        return float(base**exponent)
    except (OverflowError, ZeroDivisionError):
        return math.nan
