"""The app's style sheet, which reads a piece of CSS once."""

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_read: dict[frozenset[tuple[str, str]], LRUCache[tuple[object, ...], list[RuleSet]]] = {}
"""What was read with these variables. Nobody changes a rule once it is read."""


class Sheet(Stylesheet):
    """Textual's forgets what it read: it reads all of the CSS three times until the first paint, and again
    for each mode that is gone to first, though none of it and no colour has changed."""

    def __init__(self, variables: dict[str, str]) -> None:
        """`variables` are the theme's."""
        super().__init__()
        self.set_variables(variables)

    def set_variables(self, variables: dict[str, str]) -> None:
        """Other variables; what was read with these before is known still."""
        self._parse_cache = LRUCache(0)  # and not the one that is kept, which would be cleared
        super().set_variables(variables)
        self._parse_cache = _read.setdefault(frozenset(variables.items()), LRUCache(1000))

    def reparse(self) -> None:
        """Read what is not known; where that fails, the rules stay as they were."""
        self.parse()
