"""The arms, side by side or stacked."""

from textual.app import RenderResult
from textual.containers import Grid
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import LAB_ACTIONS
from routerlab.tui.lab.known import known
from routerlab.tui.lab.state import PanelView
from routerlab.tui.lab.text import panel_text, state_style
from routerlab.tui.shared.layout import Density, Layout
from routerlab.tui.shared.palette import Palette


class ArmPanel(Widget):
    """One arm. It draws a view; it knows no lab."""

    def __init__(self, view: PanelView, palette: Palette) -> None:
        super().__init__()
        self.view = view
        self.palette = palette
        self.density: Density = "full"

    def on_mount(self) -> None:
        """Draw the border's words."""
        self._title()

    def on_resize(self) -> None:
        """The border has room for more words, or fewer."""
        self._title()

    def show(self, view: PanelView, palette: Palette, density: Density) -> None:
        """Draw `view`, if it differs from what is there."""
        if (view, palette, density) == (self.view, self.palette, self.density):
            return
        self.view, self.palette, self.density = view, palette, density
        self._title()
        self.refresh()

    def _title(self) -> None:
        view, p = self.view, self.palette
        flat = self.density in ("split", "line")
        self.set_class(flat, "-flat")
        self.set_class(view.phase in ("crashed", "failed"), "-fault")
        number = f" · #{view.question}" if view.question else ""
        self.border_title = Content.styled(view.name, "bold")
        self.border_subtitle = self._below(view.contract + number)
        if flat:
            self.styles.border_left = ("outer", state_style(view, p))
        else:
            self.styles.clear_rule("border_left")

    def _below(self, about: str) -> Content:
        """How the arm was asked, and how familiar the prompt is, where that has no line."""
        view, p = self.view, self.palette
        told = known(view.trial, self.outer_size.width - len(about) - 9, p) if self.density != "full" else []
        return Content.assemble((about, p.dim), *([(" · ", p.dim), *told] if told else []))

    def render(self) -> RenderResult:
        """The panel's lines."""
        return panel_text(self.view, self.density, max(1, self.content_size.width), self.palette)


class Panels(Grid, can_focus=True):
    """All panels; with the focus, left and right choose one for restart, remove and log."""

    BINDINGS = bindings("panels", LAB_ACTIONS)
    cursor = reactive(0)

    def __init__(self) -> None:
        super().__init__(id="panels")
        self._names: tuple[str, ...] = ()

    @property
    def chosen(self) -> int | None:
        """Which arm the cursor is on, while the panels have the focus."""
        if not self.has_focus or not self._names:
            return None
        return min(self.cursor, len(self._names) - 1)

    def show(self, views: tuple[PanelView, ...], palette: Palette, plan: Layout) -> None:
        """Draw the arms in `views`; panels come and go with them."""
        names = tuple(view.name for view in views)
        panels = list(self.query(ArmPanel))
        for panel in panels[len(views) :]:
            panel.remove()
        if len(views) > len(panels):
            self.mount_all(ArmPanel(view, palette) for view in views[len(panels) :])
        self._names = names
        self.styles.grid_size_columns = plan.columns
        self.styles.grid_rows = str(plan.height)
        self.styles.height = plan.rows
        for panel, view in zip(self.query(ArmPanel), views, strict=False):
            panel.show(view, palette, plan.density)
        self._point()

    def action_arm(self, step: int) -> None:
        """Move the cursor."""
        if self._names:
            self.cursor = (min(self.cursor, len(self._names) - 1) + step) % len(self._names)

    def watch_cursor(self) -> None:
        """Show where the cursor is."""
        self._point()

    def watch_has_focus(self, _has_focus: bool) -> None:
        """The cursor is shown with the focus only."""
        super().watch_has_focus(_has_focus)
        self._point()

    def _point(self) -> None:
        for i, panel in enumerate(self.query(ArmPanel)):
            panel.set_class(i == self.chosen, "-chosen")
            if i == self.chosen:
                panel.scroll_visible(animate=False)
