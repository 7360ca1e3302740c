"""The results screen: all arms in a table, accuracy against P95, the chosen arm's gates and confusion."""

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static
from textual_plotext import PlotextPlot

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Label, Taxonomy
from routerlab.core.text import printable
from routerlab.settings import Settings
from routerlab.study.figures.result import Analysis
from routerlab.study.report.plots.characters import draw_points
from routerlab.study.report.plots.points import Point, points, viable
from routerlab.study.report.subject import Subject
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import RESULTS_ACTIONS, RESULTS_GROUPS
from routerlab.tui.compare.screen import CompareScreen
from routerlab.tui.results.text import (
    answer_style,
    arm_cells,
    arm_view,
    head_text,
    signs,
    verdict_text,
    whole_verdict,
    wrong_cases,
)
from routerlab.tui.shared.bar import ModeBar
from routerlab.tui.shared.dialogs import Choose, Read
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.shell import Show
from routerlab.tui.shared.text import one_line

TALL = 30
"""Lines from which there is an empty one above the plot."""
WIDE = 130
"""Columns from which the plot and the arm stand beside each other."""


def taxonomy_of(analysis: Analysis) -> Taxonomy:
    """What a page needs of a taxonomy, from an analysis, whose labels may be none that a taxonomy allows."""
    labels = tuple(
        Label.model_construct(name=name, family=analysis.families.get(name, name), cue="")
        for name in analysis.labels
    )
    return Taxonomy.model_construct(schema_version=1, name="result", version="", label=labels)


HELP = Help(
    "Every arm of a result, the most accurate first; choose one to see its gates, its confusion matrix and "
    "where its cases go wrong. The plot has a sign for each arm, which stands before its name in the table.",
    RESULTS_ACTIONS,
    RESULTS_GROUPS,
    (
        "✓ passes its gates   ✗ fails one   ? there are too few cases to decide",
        "The plot's lines are where the gates end; bars are intervals of accuracy.",
    ),
)


class ResultsScreen(Page):
    """Every `action_*` here stands in tui/actions/results.toml, which gives it keys and help."""

    CSS_PATH = "results.tcss"
    ACTIONS = RESULTS_ACTIONS
    ABOUT = HELP
    BINDINGS = bindings("results", RESULTS_ACTIONS)

    def __init__(self, subject: Subject, settings: Settings) -> None:
        super().__init__(taxonomy_of(subject.analysis), settings.keys)
        self.subject = subject
        self.settings = settings
        self._points = points(subject.analysis)
        self._chosen = 0
        self._shows_arm = False

    def compose(self) -> ComposeResult:
        """The result's name and verdict, the arms, below them the plot and the chosen arm."""
        yield ModeBar()
        yield Static(id="head", markup=False)
        yield Static(id="verdict", markup=False)
        yield DataTable[Text](id="arms", cursor_type="row", cell_padding=0)
        with Horizontal(id="below"):
            yield PlotextPlot(id="plot")
            with VerticalScroll(id="arm", can_focus=False):
                yield Static(id="said", markup=False)
        yield Keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what makes no sense now: with the plot beside the arm there is nothing to turn to."""
        return action != "results_switch" or (self.size.width < WIDE and bool(self._points))

    def on_mount(self) -> None:
        """Let the keys choose an arm."""
        self.query_one("#arms").focus()

    def on_resize(self) -> None:
        """There may be room for the plot and the arm now, or not any more."""
        self.refresh_bindings()

    def where(self) -> str:
        """The result's file."""
        return self.subject.path.name

    def draw(self) -> None:
        """Draw everything."""
        analysis, p = self.subject.analysis, self.colours()
        width = self.size.width - 2
        self.query_one(Keys).compact = width < NARROW
        self.set_class(self.size.height >= TALL, "-tall")
        self.query_one("#head", Static).update(head_text(self.subject, width, p))
        self.query_one("#verdict", Static).update(verdict_text(self.subject, width, p))
        table = self.query_one("#arms", DataTable)
        # As results.tcss has it, so many rows of the screen; with more, a bar takes a column.
        room = width - (len(analysis.arms) + 1 > self.size.height * 2 // 5)
        heads, rows = arm_cells(analysis, signs(analysis, [one.name for one in self._points]), room, p)
        with self.prevent(DataTable.RowHighlighted):
            table.clear(columns=True)
            for head, size in heads:
                table.add_column(Text(head, end=""), width=size + 1)
            for row in rows:
                table.add_row(*row)
            table.move_cursor(row=self._chosen, animate=False)
        self._plot()
        self._turn()

    def _turn(self) -> None:
        """Show the plot, the arm, or both."""
        wide, drawn = self.size.width >= WIDE, bool(self._points)
        self.query_one("#plot").display = drawn and (wide or not self._shows_arm)
        self.query_one("#arm").display = wide or self._shows_arm or not drawn
        self._say()

    def _say(self) -> None:
        analysis = self.subject.analysis
        pane = self.query_one("#arm")
        if not analysis.arms or not pane.display:
            return
        self.query_one("#said", Static).update(
            arm_view(self.subject, analysis.arms[self._chosen], self.colours())
        )

    def _plot(self) -> None:
        if not self._points:
            return
        plot, p, ansi = self.query_one(PlotextPlot), self.colours(), self.app.native_ansi_color
        plot.theme = "textual-clear" if ansi else "auto"
        plot.plt.clear_data()
        plot.plt.title("accuracy against P95")

        def colour(point: Point) -> object:
            return "default" if ansi else Color.parse(answer_style(point.viable, p)).rgb

        edge = "default" if ansi else Color.parse(p.faint).rgb
        draw_points(plot.plt, self._points, viable(self.subject.analysis.gates), colour, edge)
        plot.refresh()

    @on(DataTable.RowHighlighted)
    def _choose(self, event: DataTable.RowHighlighted) -> None:
        if event.cursor_row != self._chosen:
            self._chosen = event.cursor_row
            self.query_one("#arm").scroll_to(y=0, animate=False)
            self._say()

    @on(DataTable.RowSelected)
    def action_results_switch(self) -> None:
        """From the plot to the arm, and back."""
        if self.check_action("results_switch", ()):
            self._shows_arm = not self._shows_arm
            self._turn()

    def action_arm(self, step: int) -> None:
        """Choose the arm below, or above."""
        table = self.query_one("#arms", DataTable)
        table.move_cursor(row=table.cursor_row + step)

    @work
    async def action_results_lab(self) -> None:
        """Choose a case that the chosen arm got wrong, and show it in the lab."""
        subject = self.subject
        arm = subject.analysis.arms[self._chosen].arm if subject.analysis.arms else ""
        wrong = wrong_cases(subject, arm)
        if not wrong:
            return self.tell("no case of this arm is wrong, or the result has no prompts")
        p, width = self.colours(), min(70, self.size.width - 8)
        lines = [
            Content.assemble(f"{printable(said)}\n", (one_line(prompt, width), p.dim))
            for said, prompt in wrong
        ]
        at = await self.app.push_screen_wait(Choose(f"Wrong by {printable(arm)}: which one?", lines))
        if at is not None:
            self.post_message(Show(wrong[at][1]))
        return None

    def action_compare(self) -> None:
        """The chosen arm against another."""
        arms = self.subject.analysis.arms
        try:
            chosen = arms[self._chosen].arm if arms else None
            page = CompareScreen(self.subject, self.taxonomy, self.settings.keys, chosen)
        except LabError as e:
            return self.tell(str(e), "warning")
        self.app.push_screen(page)
        return None

    def action_results_verdict(self) -> None:
        """The whole verdict."""
        self.app.push_screen(Read("The whole verdict", whole_verdict(self.subject, self.colours())))
