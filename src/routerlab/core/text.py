"""Text from strangers, made safe to show."""

import unicodedata

# Cc controls, Cf format (bidi, zero-width, tags), Cs lone surrogates, Zl/Zp line and paragraph separators,
# Co and Cn: private and unassigned, which terminals may treat as they please.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})


def printable(s: str, *, keep_newlines: bool = False) -> str:
    """`s` with everything a terminal might obey or hide written as an escape (`\\x1b`, `\\u202e`).

    Newline and tab stay only with `keep_newlines`. Rich markup is not touched: show the result as
    `rich.text.Text`, or with markup off.
    """
    if s.isascii() and s.isprintable():
        return s
    return "".join(_shown(c, keep_newlines) for c in s)


def plural(n: int, one: str, many: str = "") -> str:
    """ "1 case", "2 cases", "1,200 cases"; `many` where it is not `one` with an s."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _shown(c: str, keep_newlines: bool) -> str:
    if keep_newlines and c in "\n\t":
        return c
    if unicodedata.category(c) not in _UNSAFE:
        return c
    return f"\\x{ord(c):02x}" if c.isascii() else c.encode("ascii", "backslashreplace").decode()
