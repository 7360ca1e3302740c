"""Make the pictures in docs/ and the recording in README: the real app with real models, driven by keys.

Usage: python -m scripts.pictures, from the repository's folder (`make pictures` has the models, too).

The app runs on a virtual screen in a folder of its own, with default settings and the models of ./models.
What it draws is SVG, which Chromium turns into docs/*.png, and many of them into docs/recording.gif. Cases,
seed, sizes, theme are fixed; times are the machine's. Exit codes: 0, or 3: Chromium or a model is missing.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageColor

from routerlab.cli.shared.open import open_lab, open_materials
from routerlab.cli.trial.protocol import lock
from routerlab.cli.trial.run import _locked, _open
from routerlab.core.errors import Exit, LabError
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.specs import any_spec
from routerlab.resources import ROUTING60
from routerlab.settings import Settings
from routerlab.study.trial.protocol.registration import register
from routerlab.tui.app import RouterLabApp
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.shared.shell import Open
from routerlab.tui.tour.mode import TourMode
from routerlab.tui.tour.party import party
from routerlab.tui.trial.mode import TrialMode
from tests.browser import BROWSER
from tests.tui.harness import Watch, no_lab, settle

DOCS = Path(__file__).resolve().parent.parent / "docs"
LARGE, SMALL = (160, 48), (120, 36)
PROBES = ("minilm:probe", "smollm2-135m:probe", "qwen2.5-coder-0.5b:probe")
JSON = "qwen2.5-coder-0.5b:json"
SETTINGS = Settings(annotator="ada")
TYPED = "My CSV has 40,000 rows. One line of awk for the sum of column 3, please"
SHOWN, FOREIGN = "R60-005", "R60-051"
"""The case in focus in the picture of the lab; one that few fonts can write, asked first: out of sight."""
PLAN, CORPUS = Path("two-probes.toml"), Path("corpus/routing60.toml")
PROTOCOL = """schema_version = 1
name = "two-probes"
sessions = 60
seed = 20261128
gates = ["accuracy>=0.85", "p95<=2000"]
arm = [{ ask = "control" }, { ask = "minilm:probe" }, { ask = "smollm2-135m:probe" }]
traffic = { pattern = "poisson", rate = 2.0 }
hypothesis = [{ id = "H8", says = "P95 is at most 2000 ms", endpoint = "p95", limit = 2000 }]
"""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
WIDTH, SHEET, DARK = 1000, 10, 18
"""Pixels of the recording's width, frames that are drawn at a time, and how dark the background is."""


@dataclass
class Shots:
    """What was taken: a picture by name, and the recording's frames with the milliseconds each is shown."""

    pictures: dict[str, str] = field(default_factory=dict)
    frames: list[tuple[str, int]] = field(default_factory=list)

    async def picture(self, name: str, s: Watch[Any], mode: str = "") -> None:
        """Take the screen once nothing moves on it, in this mode if one is named."""
        await settle(s.pilot, lambda: s.app.current_mode == (mode or s.app.current_mode))
        self.pictures[name] = s.app.export_screenshot(title="routerlab")

    async def frame(self, s: Watch[Any], ms: int) -> None:
        """Take the screen for the recording; where it is looked at for long, once nothing moves on it."""
        await (settle(s.pilot) if ms > 1000 else s.pilot.pause(0.08))
        self.frames.append((s.app.export_screenshot(title="routerlab"), ms))


async def sitting(shots: Shots) -> None:
    """The recording with three arms; then, with a fourth, pictures of the lab and where it leads."""
    path = Path("sessions/monday.toml")
    lab, specs = open_lab([*PROBES], open_materials(None, CORPUS), None, SETTINGS, path)
    mode = LabMode(lab, specs)
    app = RouterLabApp(SETTINGS, mode, no_lab)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        s = Watch(app, mode, pilot)
        await s.until(lambda: len(lab.arms) == len(PROBES), "the arms")
        await lab.settled()
        await record(shots, s)
        await pilot.resize_terminal(*LARGE)
        lab.add_arm(any_spec(JSON, SETTINGS.contract))
        await lab.settled()
        lab.replay(lab.cases())
        await lab.finished()
        mode.page.look(next(q for q in mode.page.sitting.questions if q.first.case == SHOWN))
        await shots.picture("lab", s)
        await pilot.press("M")
        await shots.picture("matrix", s)
        await pilot.press("A", "D")
        await s.shows("[1 cases]")
        await pilot.press("2")
        await shots.picture("compare", s)
        await pilot.press("escape", "asterisk", "N")
        await s.until(lambda: app.current_mode == "annotate", "the annotate screen")
        await pilot.press(*["right"] * 4, "5", "5", "b")
        await shots.picture("annotate", s)
        app.post_message(Open("results", path))
        await shots.picture("results", s, "results")
        for key, name in (("f7", "tune"), ("f8", "models")):
            await pilot.press(key)
            await shots.picture(name, s, name)


async def answers(s: Watch[Any], lab: Lab, n: int) -> None:
    """Wait for so many."""
    await s.until(lambda: len(lab.session.trials) >= n, f"{n} answers")


async def record(shots: Shots, s: Watch[LabMode]) -> None:
    """A prompt, a replay, the disagreements, a label: some twenty seconds."""
    await shots.frame(s, 1200)
    for n in range(0, len(TYPED), 3):
        await s.type(TYPED[n : n + 3])
        await shots.frame(s, 90)
    arms, every = len(PROBES), 61 * len(PROBES)
    steps: list[tuple[tuple[str, ...], int, int]] = [
        (("enter",), arms, 2600),
        (("escape", "r"), arms, 1200),
        (("enter",), arms, 200),
        *(((), arms * n, 220) for n in range(4, 61, 3)),
        ((), every, 2600),
        (("M",), every, 2200),
        (("A", "F", "d", "escape"), every, 1600),
        *[(("k",), every, 900)] * 2,
        (("1",), every, 2600),
    ]
    for keys, least, ms in steps:
        await s.pilot.press(*keys)
        await answers(s, s.mode.lab, least)
        await shots.frame(s, ms)
    await s.pilot.press("x", "G")


async def tour(shots: Shots) -> None:
    """The tour at its second step; and Home, when there is something to go on with."""
    lab, _ = open_lab(None, open_materials(None, None), None, SETTINGS, Path("sessions/tour.toml"))
    mode = TourMode(lab, party(SETTINGS))
    app = RouterLabApp(SETTINGS, mode, no_lab)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        s = Watch[TourMode](app, mode, pilot)
        await s.until(lambda: len(lab.arms) == 2, "the arms")
        await pilot.press("enter")
        await answers(s, lab, 2)
        await pilot.press("ctrl+n")
        await answers(s, lab, 4)
        await pilot.press("escape")
        await shots.picture("tour", s)
        await pilot.resize_terminal(*LARGE)
        await pilot.press("f2")
        await s.shows("Recent sessions", "Trials that are not over")
        await shots.picture("home", s)


async def trial(shots: Shots) -> None:
    """A trial while it runs, and stopped then."""
    lock(PLAN)
    work = _locked(register(PLAN))
    mode = TrialMode(work, _open(work, None))
    app = RouterLabApp(SETTINGS, mode, no_lab)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        s = Watch[TrialMode](app, mode, pilot)
        await answers(s, mode.lab, 40)
        await pilot.pause(0.2)
        shots.pictures["trial"] = app.export_screenshot(title="routerlab")


def drawn(svgs: Sequence[str], folder: Path, width: int = 0) -> Iterator[Image.Image]:
    """The pictures of one size, `width` pixels wide if that is given, as Chromium draws them; it may load
    nothing else."""
    assert BROWSER
    wide, high = (float(n) for n in re.findall(r'viewBox="0 0 (\S+) (\S+)"', svgs[0])[0])
    width = width or round(wide)
    height = round(width * high / wide)
    for at in range(0, len(svgs), SHEET):
        some = svgs[at : at + SHEET]
        for n, svg in enumerate(some):
            (folder / f"{n}.svg").write_text(svg)
        images = "".join(f'<img src="{n}.svg" width="{width}" height="{height}">' for n in range(len(some)))
        page, sheet = folder / "sheet.html", folder / "sheet.png"
        page.write_text(f"<style>body{{margin:0}}img{{display:block}}</style>{images}")
        room = (f"--window-size={width},{height * len(some)}", f"--screenshot={sheet}")
        subprocess.run([BROWSER, *FLAGS, *room, page.as_uri()], check=True, capture_output=True)
        with Image.open(sheet) as image:
            for n in range(len(some)):
                yield image.convert("RGB").crop((0, n * height, width, (n + 1) * height))


def few_colours(image: Image.Image, svgs: Sequence[str]) -> Image.Image:
    """The picture in the colours that are in the SVGs, and in what lies between them and the background."""
    found = dict.fromkeys(re.findall(r"#[0-9a-f]{6}", "".join(svgs)))
    colours = [ImageColor.getrgb(name)[:3] for name in found][:85]
    palette = Image.new("P", (1, 1))
    palette.putpalette([round(DARK + n / 3 * (c - DARK)) for n in (3, 2, 1) for rgb in colours for c in rgb])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def write(shots: Shots, folder: Path) -> None:
    """Make the files in docs/, with few colours: they are kept in the repository."""
    for name, svg in shots.pictures.items():
        (image,) = drawn([svg], folder)
        few_colours(image, [svg]).save(DOCS / f"{name}.png", optimize=True)
    svgs, times = zip(*shots.frames, strict=True)
    first, *rest = [few_colours(frame, svgs) for frame in drawn(svgs, folder, WIDTH)]
    first.save(DOCS / "recording.gif", save_all=True, append_images=rest, duration=times, loop=0)


async def take(shots: Shots) -> Shots:
    """All pictures, in the order in which one needs what another leaves behind."""
    for part in (trial, sitting, tour):
        await part(shots)
    return shots


def main() -> int:
    """Make them; the exit code."""
    if BROWSER is None:
        print(
            "error: no Chromium is here, to make PNG of SVG (Debian: apt install chromium)", file=sys.stderr
        )
        return Exit.MISSING
    os.environ.pop("NO_COLOR", None)
    models = Path("models").absolute()
    head, *cases = ROUTING60.read_text().split("\n[[case]]")
    with tempfile.TemporaryDirectory() as name, chdir(name):
        folder = Path(name)
        for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"XDG_{kind}_HOME"] = str(folder / "user")
        (folder / "sessions").mkdir()
        PLAN.write_text(PROTOCOL)
        CORPUS.parent.mkdir()
        CORPUS.write_text("\n[[case]]".join([head, *sorted(cases, key=lambda case: FOREIGN not in case)]))
        (folder / "models").symlink_to(models)
        try:
            write(asyncio.run(take(Shots())), folder)
        except LabError as e:
            print(f"error: {e}", file=sys.stderr)
            return e.code
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
