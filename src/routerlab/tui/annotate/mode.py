"""Annotating as a mode of the app: an open desk, whose file is closed when the app is left."""

from dataclasses import replace
from pathlib import Path

from routerlab.annotate.desk.desk import Desk
from routerlab.annotate.desk.open import Wanted, open_desk, session_path
from routerlab.annotate.desk.source import load_source
from routerlab.core.files.toml import read_text
from routerlab.core.taxonomy import load_taxonomy
from routerlab.paths import sessions_dir
from routerlab.resources import GUIDELINES, TAXONOMY
from routerlab.settings import Settings
from routerlab.tui.annotate.screen import AnnotateScreen
from routerlab.tui.shared.shell import Mode, Shell


class AnnotateMode(Mode):
    """Labels are written as they are given."""

    name = "annotate"
    page: AnnotateScreen

    def __init__(
        self,
        desk: Desk,
        guidelines: str,
        settings: Settings,
        notes: tuple[str, ...] = (),
        of: tuple[Path, frozenset[str]] | None = None,
    ) -> None:
        """`guidelines` is Markdown; `notes` are shown before the first item. `of` is the file that the
        prompts are from, and which are meant if not all, where it was opened from inside the app."""
        super().__init__(AnnotateScreen(desk, guidelines, settings, notes))
        self.desk = desk
        self.of = of

    async def close(self, app: Shell) -> None:
        """Let the keys typed before take effect, keep what is chosen as a draft, close the session's file."""
        await app.catch_up(self.page)
        await self.page.finish()

    @property
    def last_words(self) -> str:
        """How far it is, and where the labels are."""
        desk = self.desk
        left = desk.count("pending") + desk.count("draft")
        return (
            f"{desk.count('submitted')} submitted, {desk.count('skipped')} skipped, {left} left; "
            f"saved in {desk.file.path}"
        )


def open_annotate(path: Path, settings: Settings, only: frozenset[str] = frozenset()) -> AnnotateMode:
    """The prompts of a session, a corpus or a file of prompts, `only` those if any are named, as `routerlab
    annotate FILE` opens them: blind, under the settings' name and the labels that ship. LabError as there."""
    labels, who = load_taxonomy(TAXONOMY), settings.annotator
    source = load_source(path, labels, who)
    if only:
        source = replace(source, items=tuple(item for item in source.items if item.prompt in only))
    wanted = Wanted(who, session_path(sessions_dir(), path.stem, who), labels, TAXONOMY)
    desk, notes = open_desk(source, wanted)
    return AnnotateMode(desk, read_text(GUIDELINES), settings, notes, (path, only))
