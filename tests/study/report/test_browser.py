"""The report's page in a real browser, where there is one: drawn in dark and in light, without errors."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from tests.conftest import PATIENCE_S
from tests.study.report.harness import HOSTILE, page_of, subject

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser here: none of {', '.join(NAMES)}")

DARK, LIGHT = 0, 1


@dataclass(frozen=True)
class Seen:
    """What the browser made of a page: its document, its picture, what it wrote to its console."""

    dom: str
    picture: Image.Image
    console: list[str]


def look(html: str, folder: Path, scheme: int = LIGHT) -> Seen:
    """Open the page, without a network that anything could be loaded from."""
    page, shot = folder / "page.html", folder / "page.png"
    page.write_text(html)
    assert BROWSER
    command = [
        *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
        *("--enable-logging=stderr", "--v=0", f"--user-data-dir={folder / 'profile'}"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--blink-settings=preferredColorScheme={scheme}"),
        *("--window-size=1300,2400", f"--screenshot={shot}", "--dump-dom", page.as_uri()),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
        env={**os.environ, "HOME": str(folder)},
    )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(done.stdout, Image.open(shot).convert("RGB"), console)


def paper_and_ink(picture: Image.Image) -> tuple[int, int]:
    """How light the page is, most of it and at the other end, 0 to 255."""
    grey = picture.convert("L")
    paper = round(ImageStat.Stat(grey).median[0])
    low, high = grey.getextrema()
    assert isinstance(low, int)
    assert isinstance(high, int)
    return paper, low if paper > 127 else high


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_a_browser_draws_the_page(tmp_path: Path, scheme: int) -> None:
    seen = look(page_of(subject()), tmp_path, scheme)
    assert seen.console == []
    assert len(re.findall("<svg", seen.dom)) == 6
    assert "Accuracy against latency" in seen.dom
    plot = seen.picture.crop((260, 560, 1240, 1080))
    for part in (seen.picture, plot):
        paper, ink = paper_and_ink(part)
        dark, light = (ink, paper) if scheme == LIGHT else (paper, ink)
        assert dark < 110
        assert light > 155
    colours = seen.picture.getcolors(1_000_000) or []
    green = [(r, g, b) for n, (r, g, b) in colours if n > 20 and g > r + 20 and g > b + 10]  # type: ignore[misc]
    assert green, "the marks of what passes"


def test_hostile_text_does_nothing_in_a_browser(tmp_path: Path) -> None:
    seen = look(page_of(subject(HOSTILE, "slow", "wrong")), tmp_path)
    assert seen.console == []
    assert seen.dom.count("<script") == 1, "ours"
    assert "&lt;script&gt;alert(1)" in seen.dom


def test_what_a_page_does_wrong_is_noticed(tmp_path: Path) -> None:
    """So that the tests above can fail: a script is refused, and that is in the console."""
    html = page_of(subject()).replace("</main>", "<script>document.title = 'run'</script></main>")
    seen = look(html, tmp_path)
    assert any("Content Security Policy" in line for line in seen.console)
    assert "<title>run</title>" not in seen.dom
