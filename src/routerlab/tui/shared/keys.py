"""The line of keys at the bottom."""

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class Keys(Footer):
    """Textual's footer, made anew only for other keys, and each styled once. Textual's own does both on every
    move of the focus, and styles each key three times: 40 ms on a page with many."""

    _made: list[ActiveBinding] | None = None

    def compose(self) -> ComposeResult:
        """The keys, as wide as they are to be from the beginning."""
        for key in super().compose():
            if isinstance(key, FooterKey):
                compact = self.compact or key.has_class("-command-palette")
                key.set_reactive(FooterKey.compact, compact)
                key.set_class(compact, "-compact", update=False)
            yield key

    async def recompose(self) -> None:
        """Make them anew if there are others to show."""
        found = [one for one in self.screen.active_bindings.values() if one.binding.show]
        if found != self._made:
            self._made = found
            await super().recompose()
