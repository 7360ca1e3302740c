"""The app: which modes there are, and how each is opened."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on, work
from textual.content import Content

from routerlab.core.errors import LabError
from routerlab.core.text import printable
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.lab import Lab
from routerlab.settings import Settings
from routerlab.tui.shared.dialogs import Choose
from routerlab.tui.shared.shell import BETWEEN, Mode, ModeName, Open, Shell, Show, TakeTour

OpenLab = Callable[[Path | None, Path | None], tuple[Lab, list[Spec]]]
"""From a session to go on with, and a corpus, to a lab and the arms to start in it; LabError when that fails.
None: a new session, the session's corpus. It may take a while."""
TO_OPEN: dict[ModeName, tuple[str, frozenset[str]]] = {
    "annotate": ("Label which prompts?", frozenset({"corpus", "labels", "session"})),
    "results": ("Show the figures of", frozenset({"result", "session"})),
}
"""What is asked where a mode is gone to and nothing is open in it, and which lines of Home are offered."""
NO_TRIAL = (
    "no trial is carried out here: `routerlab trial run PROTOCOL.toml --tui` begins one, or goes on with it"
)
TIMED = "a trial is being carried out: models at work beside it would falsify its times"


class RouterLabApp(Shell):
    """A mode is opened when it is gone to first."""

    TITLE = "routerlab"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["shared/shell.tcss", "shared/dialogs.tcss"]  # + the pages'

    def __init__(self, settings: Settings, first: Mode, open_lab: OpenLab) -> None:
        """`first` is what it opens with."""
        super().__init__(settings, first)
        self._open_lab = open_lab

    def open_mode(self, name: ModeName) -> None:
        """Open a mode with what it has when nothing is named."""
        self._opening(Open(name, None))

    @on(Open)
    def _asked(self, event: Open) -> None:
        self._opening(event)

    @work(exclusive=True, group="open")
    async def _opening(self, what: Open) -> None:
        """Open it, or say why not; everything slow is done in threads."""
        try:
            await self.all_shut()
            await self._open(what)
        except LabError as e:
            self.notify(printable(str(e), keep_newlines=True), severity="error", markup=False)
            if self.current_mode == BETWEEN:
                await self._open(Open("home", None))

    async def _open(self, what: Open) -> None:
        if what.mode in ("lab", "tune", "models") and self._timed():
            raise LabError(TIMED)
        if what.path is None and what.mode in TO_OPEN:
            chosen = await self._choose(what.mode)
            if chosen is None:
                return
            what = chosen
        match what.mode:
            case "home" | "models":
                await self._open_plain(what)
            case "lab":
                await self._lab(what)
            case "tune":
                await self._tune()
            case "annotate":
                await self._annotate(what)
            case "results":
                await self._results(what)
            case "trial":
                raise LabError(NO_TRIAL)

    def _timed(self) -> bool:
        """Whether a trial is carried out here."""
        trial = self.modes.get("trial")
        return trial is not None and bool(trial.parting)

    async def _choose(self, mode: ModeName) -> Open | None:
        """What is here to open in this mode; LabError when nothing is."""
        from routerlab.tui.home.look import entries

        title, kinds = TO_OPEN[mode]
        found = [
            entry for entry in (await asyncio.to_thread(entries))[0] if entry.kind in kinds and entry.ready
        ]
        if not found:
            raise LabError(f"nothing is here to open in {mode.capitalize()}: ask something in the Lab (F3)")
        lines = [Content.assemble(f"{entry.name[:30]:<32}", (entry.facts, "$dim")) for entry in found]
        at = await self.push_screen_wait(Choose(title, lines))
        return None if at is None else Open(mode, found[at].path, found[at].name)

    async def _open_plain(self, what: Open) -> None:
        """Home or Models, which need nothing; in Models a router's model is had, or a model chosen."""
        from routerlab.core.taxonomy import load_taxonomy
        from routerlab.resources import TAXONOMY

        if what.mode in self.modes:
            self.switch_mode(what.mode)
        elif what.mode == "home":
            from routerlab.tui.home.mode import HomeMode

            self.enter(HomeMode(load_taxonomy(TAXONOMY), self.settings))
        else:
            from routerlab.tui.models.mode import ModelsMode

            self.enter(ModelsMode(load_taxonomy(TAXONOMY), self.settings))
        if what.mode == "models" and what.name:
            from routerlab.tui.models.screen import ModelsScreen

            page = self.modes["models"].page
            assert isinstance(page, ModelsScreen)
            page.want(str(what.path) if what.arm else what.name, pull=what.arm)

    # --- lab and tune ---

    async def _lab(self, what: Open) -> None:
        from routerlab.annotate.desk.source import is_session
        from routerlab.engine.lab.specs import any_spec
        from routerlab.study.routing_table import routes_for
        from routerlab.tui.lab.mode import LabMode

        lab = self.modes.get("lab")
        named = None if what.arm else what.path
        arm = await asyncio.to_thread(any_spec, str(what.path), self.settings.contract) if what.arm else None
        if named is not None:
            if isinstance(lab, LabMode) and _same(lab.lab.path, named):
                self.switch_mode("lab")
                return
            if lab is not None and not await self._may_close(lab):
                return
        if lab is None or named is not None:
            session, corpus = (named, None) if named and is_session(named) else (None, named)
            made, specs = await asyncio.to_thread(self._open_lab, session, corpus)
            await self._instead(made)
            named_specs = [*specs, *([arm] if arm and arm not in specs else [])]
            self.enter(LabMode(made, named_specs, routes=routes_for(None, made.taxonomy)))
        else:
            self.switch_mode("lab")
            if arm and isinstance(lab, LabMode) and arm.name not in lab.lab.arms:
                lab.lab.add_arm(arm)

    @on(TakeTour)
    @work(exclusive=True, group="open")
    async def _tour(self) -> None:
        """The tour in a sitting of its own."""
        from routerlab.tui.tour.mode import TourMode
        from routerlab.tui.tour.party import party

        try:
            if self._timed():
                raise LabError(TIMED)
            await self.all_shut()
            lab = self.modes.get("lab")
            if lab is not None and not await self._may_close(lab):
                return
            made, _ = await asyncio.to_thread(self._open_lab, None, None)
            await self._instead(made)
            self.enter(TourMode(made, await asyncio.to_thread(party, self.settings)))
        except LabError as e:
            self.notify(printable(str(e), keep_newlines=True), severity="error", markup=False)

    async def _instead(self, made: Lab) -> None:
        """End the sitting that is open, for this one; where that does not come to its end, this one is ended,
        too."""
        try:
            await self.shut("tune")
            await self.shut("lab")
        except BaseException:
            await made.close()
            raise

    async def _may_close(self, lab: Mode) -> bool:
        """Whether the sitting that is open may be ended for another; what it recorded is saved."""
        options = [
            Content("Stay with the sitting that is open"),
            Content("End it, which saves it, and open this"),
        ]
        return await self.push_screen_wait(Choose("A sitting is open in the Lab", options)) == 1

    async def _tune(self) -> None:
        from routerlab.tui.lab.mode import LabMode
        from routerlab.tui.tune.mode import TuneMode

        if "lab" not in self.modes:
            await self._lab(Open("lab", None))
        lab = self.modes["lab"]
        assert isinstance(lab, LabMode)
        self.enter(TuneMode(lab.lab, lab.tuning))

    @on(Show)
    def _shown(self, event: Show) -> None:
        self._showing(event.prompt)

    @work(exclusive=True, group="open")
    async def _showing(self, prompt: str) -> None:
        """What the arms say to a prompt; where none was asked, it is in the prompt line, to be sent."""
        from routerlab.tui.lab.mode import LabMode

        try:
            await self.all_shut()
            await self._open(Open("lab", None))
        except LabError as e:
            self.notify(printable(str(e)), severity="error", markup=False)
        lab = self.modes.get("lab")
        if isinstance(lab, LabMode):
            lab.page.call_after_refresh(lab.page.show_prompt, prompt)

    # --- annotate and results ---

    async def _annotate(self, what: Open) -> None:
        from routerlab.tui.annotate.mode import AnnotateMode, open_annotate

        assert what.path is not None
        old = self.modes.get("annotate")
        if isinstance(old, AnnotateMode) and old.of == (what.path, what.only):
            self.switch_mode("annotate")
            return
        await self.shut("annotate")  # its file may be the one that is written next
        self.enter(await asyncio.to_thread(open_annotate, what.path, self.settings, what.only))

    async def _results(self, what: Open) -> None:
        from routerlab.study.report.subject import load_subject, ranked
        from routerlab.tui.results.mode import ResultsMode

        assert what.path is not None
        notes: list[str] = []
        subject = await asyncio.to_thread(load_subject, what.path, notes.append)
        await self.shut("results")
        self.enter(ResultsMode(ranked(subject), self.settings))
        self._tell(notes)

    def _tell(self, notes: Sequence[str]) -> None:
        if notes:
            self.notify(printable("\n".join(notes), keep_newlines=True), markup=False)


def _same(one: Path | None, other: Path) -> bool:
    return one is not None and one.absolute() == other.absolute()
