"""What makes the hundreds of apps that are opened here start sooner."""

from collections.abc import Iterator

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation


@pytest.fixture(scope="session", autouse=True)
def css_parsed_once() -> Iterator[None]:
    """Parse a piece of CSS once a process: each app parses that of all its widgets anew, in a quarter of a
    second, and again for each new screen. Nobody changes what it is parsed to."""
    parse, known = Stylesheet._parse_rules, dict[object, list[RuleSet]]()

    def once(
        self: Stylesheet,
        css: str,
        read_from: CSSLocation,
        is_default_rules: bool = False,
        tie_breaker: int = 0,
        scope: str = "",
    ) -> list[RuleSet]:
        told = css, read_from, is_default_rules, tie_breaker, scope
        key = told, frozenset(self._variables.items())
        if key not in known:
            known[key] = parse(self, *told)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", once)
        yield
