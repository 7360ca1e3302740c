"""The models screen: a row a model; pull, verify, quantize and remove, with what runs below."""

import asyncio
import shutil
import threading
from functools import partial
from pathlib import Path

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import DataTable

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import printable
from routerlab.engine.lab.wanted import Wanted, get, wanted
from routerlab.models.progress import Progress, Report
from routerlab.models.quantize import TYPES, quantize
from routerlab.models.remove import removal, remove
from routerlab.models.stock import Stock, stock, verify
from routerlab.paths import models_dir
from routerlab.settings import Settings
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import MODELS_ACTIONS, MODELS_GROUPS
from routerlab.tui.models.jobs import Job, Jobs, Work
from routerlab.tui.models.text import head_text, jobs_text, model_cells, model_text, ordered
from routerlab.tui.shared.bar import ModeBar
from routerlab.tui.shared.dialogs import Choose
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.line import Line
from routerlab.tui.shared.page import Page

RATE = 1 / 8
HELP = Help(
    "Every model of the catalogue, and every file in the model folders. Downloads, hashing and quantizing go "
    "on while you are elsewhere; what was downloaded is kept when it is stopped.",
    MODELS_ACTIONS,
    MODELS_GROUPS,
    (
        "✓ here   ◐ a pull that is unfinished   · can be pulled   ✗ not as the catalogue has it",
        "bold: a starter, which the lab opens with",
    ),
)


class ModelsScreen(Page):
    """Every `action_*` here stands in tui/actions/models.toml, which gives it keys and help."""

    CSS_PATH = "models.tcss"
    ACTIONS = MODELS_ACTIONS
    ABOUT = HELP
    BINDINGS = bindings("models", MODELS_ACTIONS)

    def __init__(self, taxonomy: Taxonomy, settings: Settings, jobs: Jobs) -> None:
        super().__init__(taxonomy, settings.keys)
        self.jobs = jobs
        self.rows: list[Stock] = []
        self._free = 0
        self._listed: tuple[object, ...] = ()
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """The folder, the models, what is known of the chosen one, the jobs."""
        yield ModeBar()
        yield Line("head")
        yield DataTable[Text](id="stock", cursor_type="row", cell_padding=0)
        yield Line("known")
        yield Line("jobs")
        yield Keys()

    def on_mount(self) -> None:
        """Draw whenever something changed."""
        self.query_one(DataTable).focus()
        self.set_interval(RATE, self.draw)

    def on_screen_resume(self) -> None:
        """Files may have come and gone meanwhile."""
        self.look()

    def where(self) -> str:
        """The folder that pulls go to."""
        return str(models_dir())

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """List what is here; the folders may be slow, so not on the event loop."""
        try:
            self.rows = ordered(await asyncio.to_thread(stock))
        except LabError as e:
            self.tell(str(e), "error")
        self._free = await asyncio.to_thread(_free, models_dir())
        self.redraw()

    # --- drawing ---

    def draw(self) -> None:
        """Draw, if there is anything new."""
        jobs = tuple((job.title, job.phase, job.progress, job.note) for job in self.jobs.all)
        shown = (tuple(self.rows), jobs, self.size)
        if shown == self.shown:
            return
        again, self.shown = self.shown is None, shown
        p, width = self.colours(), self.size.width - 2
        self.query_one(Keys).compact = width < NARROW
        if again or self._listed != (self.rows, width):
            self._list(width)
        self.show(
            head=head_text(self.rows, models_dir(), self._free, width, p),
            known=model_text(self.chosen, width, p),
            jobs=jobs_text(self.jobs.all, width, p),
        )
        self.refresh_bindings()

    def _list(self, width: int) -> None:
        table, at = self.query_one(DataTable), self.chosen
        heads, rows = model_cells(self.rows, width, self.colours())
        with self.prevent(DataTable.RowHighlighted):
            table.clear(columns=True)
            for head, size in heads:
                table.add_column(Text(head, end=""), width=size + 1)
            for row in rows:
                table.add_row(*row)
            ids = [row.id for row in self.rows]
            name = self._wanted if self._wanted in ids else at.id if at else ""
            table.move_cursor(row=ids.index(name) if name in ids else 0, animate=False)
            if name == self._wanted:
                self._wanted = ""
        self._listed = (self.rows, width)

    @property
    def chosen(self) -> Stock | None:
        """The model under the cursor."""
        at = self.query_one(DataTable).cursor_row
        return self.rows[at] if at < len(self.rows) else None

    @work(group="ask")
    async def want(self, name: str, pull: bool) -> None:
        """Put the cursor on a model; `pull` what the router of this name was tuned for."""
        if pull:
            await self._pull(name)
        self._wanted = name
        self.redraw()

    @on(DataTable.RowHighlighted)
    def _highlighted(self) -> None:
        self.redraw()

    def action_model(self, step: int) -> None:
        """Choose the model below, or above."""
        table = self.query_one(DataTable)
        table.move_cursor(row=table.cursor_row + step)

    # --- work ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what makes no sense for the chosen model."""
        if not self.is_mounted or not action.startswith("model_"):
            return True
        row = self.chosen
        match action:
            case "model_pull":
                return row is not None and row.state != "here"
            case "model_verify" | "model_quantize":
                return row is not None and row.path is not None
            case "model_remove":
                return row is not None and row.state != "absent"
        return bool(self.jobs.active)

    @work(group="job")
    async def _run(self, title: str, model: str, carry_out: Work) -> None:
        try:
            job = await self.jobs.run(title, model, carry_out)
        except LabError as e:
            return self.tell(str(e), "warning")
        if job.phase == "failed":
            self.tell(f"{title}: {job.message}", "error")
        elif job.phase == "done":
            self.tell(f"{title}: {job.message}")
        self.look()
        return None

    @on(DataTable.RowSelected)
    @work(group="ask")
    async def action_model_pull(self) -> None:
        """Pull the chosen model, its terms accepted where it has any."""
        row = self.chosen
        if row is not None and row.entry is not None and row.state != "here":
            await self._pull(row.id)

    async def _pull(self, name: str) -> None:
        """Pull a catalogue id, or what the router in a file was tuned for."""
        try:
            wants = await asyncio.to_thread(wanted, name)
        except LabError as e:
            return self.tell(str(e), "error")
        for entry in {want.entry.id: want.entry for want in wants}.values():
            if entry.accept and not (models_dir() / entry.file).exists():
                terms = f"{entry.name} comes under its own terms ({entry.license}): {entry.license_url}"
                options = [Content("Do not pull it"), Content("I have read and accept them: pull it")]
                if await self.app.push_screen_wait(Choose(printable(terms), options)) != 1:
                    return None
        self._run(f"pull {Path(name).stem}", name, partial(_pull, wants))
        return None

    def action_model_verify(self) -> None:
        """Hash the chosen model's file."""
        if (row := self.chosen) and row.path:
            self._run(f"verify {row.id}", row.id, partial(_verify, row.path))

    @work(group="ask")
    async def action_model_quantize(self) -> None:
        """Ask for the type, and make it."""
        row = self.chosen
        if row is None or row.path is None:
            return
        types = [name for name in TYPES if name != row.quantization]
        title = f"Quantize {printable(row.id)} ({row.quantization}) to"
        at = await self.app.push_screen_wait(Choose(title, [Content(name) for name in types]))
        if at is not None:
            self._run(f"quantize {row.id} to {types[at]}", row.id, partial(_quantize, row.path, types[at]))

    @work(group="ask")
    async def action_model_remove(self) -> None:
        """Ask, and remove."""
        row = self.chosen
        if row is None or row.state == "absent":
            return
        try:
            what = await asyncio.to_thread(removal, row.path.name if row.path else row.id)
            options = [Content("Keep it"), Content("Remove it")]
            if await self.app.push_screen_wait(Choose(f"Remove {what}?", options)) == 1:
                await asyncio.to_thread(remove, what)
                self.tell(f"removed {what}")
        except LabError as e:
            self.tell(str(e), "warning")
        self.look()

    def action_model_cancel(self) -> None:
        """Stop the chosen model's job, or else the newest."""
        active = self.jobs.active
        if active:
            mine: Job | None = self.jobs.of(self.chosen.id) if self.chosen else None
            self.jobs.stop(mine or active[-1])


def _pull(wants: list[Wanted], report: Report, cancel: threading.Event) -> str:
    paths = [get(want, models_dir(), report, cancel) for want in wants]
    return ", ".join(map(str, paths))


def _verify(path: Path, report: Report, cancel: threading.Event) -> str:
    found = verify(path, lambda done, total: report(Progress("verify", "verifying", done, total)))
    if found.right is False:
        raise LabError(f"{path.name}: {found.words}; pull it again")
    return found.words


def _quantize(path: Path, to: str, report: Report, cancel: threading.Event) -> str:
    made, origin = quantize(path, to, None, report, cancel)
    return "; ".join([str(made), *origin.warnings])


def _free(folder: Path) -> int:
    """Bytes free where the folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
