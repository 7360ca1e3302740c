"""The lab: prompts to every arm, side by side. This module holds its actions; view.py draws it."""

from typing import Literal

from textual import work
from textual.content import Content

from routerlab.core.errors import LabError
from routerlab.core.familiarity import UNFAMILIAR, USUAL
from routerlab.core.text import plural, printable
from routerlab.engine.lab.lab import Filter
from routerlab.tui.actions.binding import Group, bindings
from routerlab.tui.actions.registry import LAB_ACTIONS, LAB_GROUPS
from routerlab.tui.lab import state
from routerlab.tui.lab.add_arm import AddArm
from routerlab.tui.lab.chips import ChipRow
from routerlab.tui.lab.focus import Focus
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.logs import Logs
from routerlab.tui.lab.panels import Panels
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.lab.question import question_text, result_text
from routerlab.tui.lab.standings import ORDERS
from routerlab.tui.lab.state import annotation, kept_prompt
from routerlab.tui.lab.view import LabView
from routerlab.tui.shared.dialogs import Choose, Read, WriteLine
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.layout import WIDE, View
from routerlab.tui.shared.shell import Open
from routerlab.tui.shared.text import abbreviations

INTRO: dict[str, tuple[str, tuple[Group, ...]]] = {
    "prompt": (
        "You are in the prompt line: letters type. Escape or Tab goes to the history, where letters act.",
        ("Prompt",),
    ),
    "history": (
        "You are in the history: each line is a question. Letters act on the selected one; Escape goes back "
        "to live answers, then to the prompt line.",
        ("History", "Selection", "Look", "Annotate"),
    ),
    "chips": (
        "You are in the chips, which filter the history; those that are on all hold. Letters turn them "
        "on and off; Escape goes to the history.",
        ("Chips", "History"),
    ),
    "panels": (
        "You are in the panels: left and right choose an arm, which restart, remove and log then mean.",
        ("Arms",),
    ),
}
"""What help says first, by the place that has the focus, and the groups of actions that then come first."""
SIGNS = (
    "◆ selected   ▴ ▾ what orders the history   [chip] a filter that is on   ? an arm gave no label",
    "✓ ✗ against the gold label   ◂ the gold label when another was predicted   ⚑ flagged",
    "Standings: █ as far as a figure surely is   ▓ as it was measured   ░ as it may be, at 95 %   ┃ the gate",
    "viable: the accuracy surely reaches its gate, and P95 surely keeps below its own",
    "(60 more): so many cases would decide, if they came out as those so far   ▾ what orders the lines",
    "coverage: the share of the answers that are to be acted on   P95: 95 of 100 answers are as quick",
    "P95 926 ms over 678 ms: surely above that; how much, so few answers cannot tell   to: surely below",
    "label mass: the probability that a model writes any label at all   claims: what it says of itself",
    f"familiar: {100 * USUAL:g} % or more of the prompts a router was fitted for are as far off",
    f"unusual: {100 * UNFAMILIAR:g} % or more are   unfamiliar: fewer are",
    "abstained → default: not acted on; the prompt goes where one without a label goes",
)


class LabScreen(LabView):
    """Every `action_*` here stands in tui/actions/lab.toml, which gives it keys and help."""

    ACTIONS = LAB_ACTIONS
    BINDINGS = bindings("lab", LAB_ACTIONS)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide label keys beyond the taxonomy, and what makes no sense now."""
        if action == "annotate" and parameters:
            return isinstance(parameters[0], int) and parameters[0] < len(self.lab.taxonomy.labels)
        phase = self.lab.progress.phase
        match action:
            case "replay_start":
                return phase == "idle"
            case "replay_pause" | "replay_cancel":
                return phase != "idle"
            case "replay_step":
                return phase == "paused"
        return True

    # --- moving about ---

    @property
    def _places(self) -> list[PromptLine | HistoryTable | Panels]:
        return [self.query_one(PromptLine), self.query_one(HistoryTable), self.query_one(Panels)]

    def action_cycle(self, step: int) -> None:
        """Focus the next place, history before panels because it is where letters act."""
        places = [place for place in self._places if place.display]
        at = next((i for i, place in enumerate(places) if place.has_focus), -step)
        places[(at + step) % len(places)].focus()

    def action_leave(self) -> None:
        """Prompt line or chips -> history; an older question -> live; otherwise -> prompt line."""
        if self.query_one(PromptLine).has_focus or self.query_one(ChipRow).has_focus:
            self.query_one(HistoryTable).focus()
        elif self.looking is not None or not self.soon.plain:
            self.action_go_live()
        else:
            self.query_one(PromptLine).focus()

    def action_go_live(self) -> None:
        """Follow the newest answers, among all questions."""
        self.go_live()

    def action_select(self, step: int) -> None:
        """Select a neighbour in the history."""
        self.step(step)

    def action_view_question(self) -> None:
        """Open the question in focus or close it; where it has no room beside the others, in their place."""
        if self.view != "table" and self.size.width < WIDE:
            self.view, self.opened = "table", True
        else:
            self.opened = not self.query_one(Focus).display
        self.redraw()

    def action_look(self, view: View) -> None:
        """Another way to look at the answers."""
        self.view, self.opened = view, None
        self.redraw()

    def action_standings_order(self) -> None:
        """Order the standings by the next figure."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self.tell(
            f"standings ordered: {'as added' if self.order == 'added' else 'best ' + self.order + ' first'}"
        )
        self.redraw()

    @work(exclusive=True, group="compare")
    async def action_compare(self) -> None:
        """Two arms against each other, as far as the sitting is."""
        from routerlab.tui.compare.live import opened  # not when the lab opens: it takes 30 ms

        at, names = self.query_one(Panels).chosen, list(self.lab.arms)
        try:
            page = await opened(self.lab, names[at] if at is not None and at < len(names) else None)
        except LabError as e:
            return self.tell(str(e), "warning")
        self.app.push_screen(page)
        return None

    def action_view_prompt(self) -> None:
        """The whole question in a dialog."""
        if question := self.question:
            text = question_text(self.lab, question, self.colours())
            self.app.push_screen(Read(f"Question #{question.number}", text))

    # --- what is selected in the history ---

    def action_selection_annotate(self) -> None:
        """Label them in Annotate."""
        if not self.lab.saved or self.lab.path is None:
            return self.tell("nothing of this sitting is saved yet: ask something first")
        prompts = frozenset(state.prompt_of(self.lab, question.first) for question in self.selected())
        if prompts:
            self.post_message(Open("annotate", self.lab.path, only=prompts))
        return None

    # --- prompts once more ---

    def _kept_prompt(self) -> str | None:
        question = self.question
        prompt = kept_prompt(self.lab, question.first) if question else None
        if prompt is None:
            self.tell(
                "the prompt is not here" if question else "no question yet: send a prompt or start a replay"
            )
        return prompt

    def action_edit_again(self) -> None:
        """Write the selected question's prompt into the prompt line."""
        if (prompt := self._kept_prompt()) is not None:
            self.query_one(PromptLine).fill(prompt)

    def action_bookmark_question(self) -> None:
        """Mark the selected question's prompt, or take its mark away."""
        if (prompt := self._kept_prompt()) is not None:
            self.query_one(PromptLine).bookmark(prompt)

    def action_bookmarks(self) -> None:
        """Choose one of the bookmarks."""
        self.query_one(PromptLine).action_bookmarks()

    # --- annotations ---

    def _annotated_trial(self) -> str | None:
        if question := self.question:
            return annotation(self.lab, question)[0]
        self.tell("no question to annotate yet: send a prompt or start a replay")
        return None

    async def action_annotate(self, index: int) -> None:
        """Put a label on the selected question."""
        if trial := self._annotated_trial():
            await self.lab.annotate(trial, label=self.lab.taxonomy.labels[index])

    async def action_mark(self, action: Literal["skip", "flag"]) -> None:
        """Skip the selected question, or flag it."""
        if trial := self._annotated_trial():
            await self.lab.annotate(trial, action=action)

    async def action_annotate_undo(self) -> None:
        """Undo the latest annotation, and show where it was."""
        trial = await self.lab.undo()
        question = self.sitting.of_trial(trial) if trial else None
        self.tell(f"annotation of #{question.number} undone" if question else "nothing to undo")

    @work
    async def action_annotate_note(self) -> None:
        """Ask for a note."""
        trial = self._annotated_trial()
        if trial is None:
            return
        old = self.lab.session.current(trial).note or ""
        note = await self.app.push_screen_wait(WriteLine("Note", old, "why this label, what is unclear"))
        if note is not None and note != old:
            await self.lab.annotate(trial, note=note)

    # --- replay ---

    @work
    async def action_replay_start(self) -> None:
        """Ask which cases, then begin."""
        lab = self.lab
        if lab.corpus is None:
            return self.tell("no corpus is open: start with --corpus FILE", "warning")
        families = list(dict.fromkeys(lab.taxonomy.families.values()))
        wanted: list[tuple[str, Filter, str | None, bool]] = [
            ("All cases", "all", None, False),
            ("All cases once more", "all", None, True),
            ("Errors", "errors", None, True),
            ("Disagreements", "disagreements", None, True),
            ("Unfamiliar", "unfamiliar", None, True),
            *((f"Family {family}", "all", family, False) for family in families),
        ]
        found = [lab.cases(which, family) for _, which, family, _ in wanted]
        lines = [
            Content.assemble(f"{printable(name):<28}", (f"{plural(len(items), 'case'):>12}", "$dim"))
            for (name, *_), items in zip(wanted, found, strict=True)
        ]
        title = f"Replay {printable(lab.corpus.name)}"
        chosen = await self.app.push_screen_wait(Choose(title, lines))
        if chosen is None:
            return None
        if not found[chosen]:
            return self.tell("no case fits: nothing to replay")
        try:
            lab.replay(found[chosen], again=wanted[chosen][3])
        except LabError as e:
            return self.tell(str(e), "warning")
        if not self.query_one(HistoryTable).has_focus:
            self.query_one(HistoryTable).focus()
        self.action_go_live()
        return None

    def action_replay_pause(self) -> None:
        """Pause or go on."""
        if self.lab.progress.phase == "paused":
            self.lab.runner.resume()
        else:
            self.lab.runner.pause()

    def action_replay_step(self) -> None:
        """One more question."""
        self.lab.runner.step()

    def action_replay_cancel(self) -> None:
        """Stop the replay."""
        self.lab.runner.cancel()

    # --- arms ---

    @work
    async def action_arm_add(self) -> None:
        """Choose a model and load it."""
        spec = await self.app.push_screen_wait(AddArm(self.lab.settings.contract))
        if spec is not None:
            try:
                self.lab.add_arm(spec)
            except LabError as e:
                self.tell(str(e), "warning")

    async def _choose_arm(self, title: str) -> str | None:
        """The arm under the cursor of the panels, the only one, or the one a person picks."""
        names = list(self.lab.arms)
        at = self.query_one(Panels).chosen
        if at is not None:
            return names[at] if at < len(names) else None
        if len(names) < 2:
            return names[0] if names else None
        index = await self.app.push_screen_wait(Choose(title, [Content(printable(name)) for name in names]))
        return None if index is None else names[index]

    @work
    async def action_arm_change(self, how: Literal["remove", "restart"]) -> None:
        """Take an arm away, or load it again."""
        name = await self._choose_arm(f"{how.capitalize()} which arm?")
        if name is not None and name in self.lab.arms:
            await (self.lab.remove_arm if how == "remove" else self.lab.restart_arm)(name)

    def action_arm_log(self) -> None:
        """Show the logs."""
        logs = [(name, arm.log) for name, arm in self.lab.arms.items()]
        if logs:
            self.app.push_screen(Logs(logs, self.query_one(Panels).chosen or 0))
        else:
            self.tell("no arm, no log")

    # --- results to keep ---

    def action_result_copy(self) -> None:
        """Copy to the clipboard; some terminals refuse without a word, so say what to do then."""
        if question := self.question:
            self.app.copy_to_clipboard(result_text(self.lab, [question]))
            self.tell(f"question #{question.number} copied; where the terminal forbids it, w saves a file")

    @work
    async def action_result_save(self) -> None:
        """Save as a TOML file."""
        if questions := self.selected():
            await self.save("result", ".toml", result_text(self.lab, questions))

    # --- the app ---

    def about(self) -> Help:
        """Help for the place that has the focus."""
        places = (*self._places, self.query_one(ChipRow))
        where = next((str(place.id) for place in places if place.has_focus), "prompt")
        intro, first = INTRO[where]
        groups = (*first, *(group for group in LAB_GROUPS if group not in first))
        short = self.taxonomy.short
        names = "   ".join(f"{printable(n)} {printable(label)}" for label, n in short.items() if n != label)
        initials = "   ".join(
            f"{printable(n)} {printable(label)}" for label, n in abbreviations(short, 2).items()
        )
        signs = (*SIGNS, *([f"short names: {names}"] if names else []), f"in narrow columns: {initials}")
        return Help(intro, LAB_ACTIONS, groups, signs)
