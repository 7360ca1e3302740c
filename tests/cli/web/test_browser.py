"""The lab in a real browser with a real model: painted, typed into, replayed, reloaded, ended."""

import signal
from pathlib import Path

import psutil
import pytest

pytest.importorskip("textual_serve", reason="textual-serve is not installed: the extra `web`")
from tests import program
from tests.browser import BROWSER, NAMES, Tab, browser
from tests.twocases import TWO_CASES

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser here: none of {', '.join(NAMES)}")


async def painted(tab: Tab) -> int:
    """How many colours the page has; a page that is not painted has one or two."""
    return len((await tab.picture()).getcolors(1_000_000) or [])


async def test_a_sitting_in_a_browser(tmp_path: Path, smollm2: Path) -> None:
    corpus = tmp_path / "two.toml"
    corpus.write_text(TWO_CASES)
    words = ("--arm", smollm2, "--exemplars", "none", "--corpus", corpus, "--theme", "textual-dark")
    async with (
        program.serving(tmp_path, "web", *words) as (process, url),
        browser(tmp_path / "browser") as new_tab,
    ):
        tab = await new_tab()
        await tab.open(url)
        await tab.shows("Type a prompt and press Enter", "ready")
        assert await painted(tab) > 20
        blank = await tab.picture()

        await tab.type("write a regex for ISO dates")
        await tab.press("Enter", 13, "\r")
        await tab.shows("live #1 typed", "write a regex for ISO dates", " says ")
        assert (await tab.picture()).tobytes() != blank.tobytes()

        await tab.press("F10", 121)
        await tab.shows("Replay two")
        await tab.press("Enter", 13, "\r")
        await tab.shows("why is the sky blue?", "replay done  2/2")

        await tab.reload()
        await tab.shows("typed", "why is the sky blue?", "replay done  2/2")
        assert await painted(tab) > 20
        assert {address.split("/")[2] for address in tab.asked if "://" in address} == {url.split("/")[2]}
        assert tab.console == []

        children = psutil.Process(process.pid).children(recursive=True)
        assert sum("lab" in found.cmdline() for found in children) == 1, "the same as before"

        process.send_signal(signal.SIGINT)
        await tab.until(lambda: not any(found.is_running() for found in children), "end of all children")
        assert await process.wait() == 0
        assert "The connection has ended" in await tab.run("document.body.innerText")
