"""The line of keys at the bottom."""

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class Keys(Footer):
    """Textual's footer, made anew only for other keys, and each key styled once. Textual's own is made anew
    whenever the focus moves and styles each key three times: most of what such a move took."""

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
        if not self.is_attached:
            return
        found = [one for one in self.screen.active_bindings.values() if one.binding.show]
        if found != self._made:
            self._made = found
            await super().recompose()
