"""The page's script in a real browser: it sorts tables, filters arms and cases; without it all is there."""

from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="what drives a browser is not installed: the extra `web`")
from tests.browser import BROWSER, NAMES, browser
from tests.study.report.harness import HOSTILE, page_of, subject

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser here: none of {', '.join(NAMES)}")

ROWS = "[...document.querySelectorAll('[data-search] tbody tr')]"
ARMS = f"{ROWS}.filter(row => !row.hidden).map(row => row.cells[0].innerText)"
CASES = "[...document.querySelectorAll('.cases ol > li')].filter(c => !c.hidden).length"


def fill(name: str, value: str) -> str:
    """Put something into a field of the cases' form, and see how many cases there are."""
    return (
        "(() => { const form = document.querySelector('.cases form'); "
        f"form.elements.{name}.value = {value!r}; "
        f"form.dispatchEvent(new Event('input')); return {CASES}; }})()"
    )


def click(n: int) -> str:
    """Click a heading of the table of arms."""
    button = f"document.querySelectorAll('[data-search] th button')[{n}]"
    return f"(() => {{ {button}.click(); return {ARMS}; }})()"


async def test_arms_are_sorted_and_cases_filtered(tmp_path: Path) -> None:
    page, hostile = tmp_path / "page.html", tmp_path / "hostile.html"
    page.write_text(page_of(subject()))
    hostile.write_text(page_of(subject(HOSTILE, "slow", "wrong")))
    async with browser(tmp_path / "browser") as new_tab:
        tab = await new_tab()
        await tab.open(page.as_uri())
        assert await tab.run(ARMS) == ["good", "slow", "wrong"]
        assert await tab.run(click(4)) == ["slow", "good", "wrong"], "by P95, the slowest first"
        assert await tab.run(click(4)) == ["wrong", "good", "slow"]
        assert await tab.run(click(4)) == ["good", "slow", "wrong"], "as it was"
        assert await tab.run(click(0)) == ["good", "slow", "wrong"]
        assert await tab.run(click(0)) == ["wrong", "slow", "good"]
        find = "(() => { const field = document.querySelector('.filter input'); field.value = '%s'; "
        find += "field.dispatchEvent(new Event('input')); return %s; })()"
        assert await tab.run(find % ("PASS goo", ARMS)) == ["good"]
        assert await tab.run(find % ("nothing", ARMS)) == []

        assert await tab.run(CASES) == 100
        assert await tab.run(fill("which", "w")) == 100, "one arm is wrong in each, once in two"
        assert await tab.run(fill("which", "1")) == 10, "where the second is wrong"
        assert await tab.run(fill("label", "0")) == 4, "0, 30, 60 and 90"
        assert await tab.run(fill("text", "prompt 30")) == 1
        assert await tab.run("document.querySelector('.cases output').textContent") == "1 of 100"
        assert await tab.run(fill("text", "")) == 4
        assert await tab.run(fill("label", "")) == 10

        await tab.open(hostile.as_uri())
        assert await tab.run(fill("text", "<script>")) == 100
        assert await tab.run("document.querySelectorAll('script').length") == 1
        await tab.call("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(page.as_uri())
        root = (await tab.call("DOM.getDocument"))["root"]["nodeId"]

        async def count(what: str) -> int:
            return len((await tab.call("DOM.querySelectorAll", nodeId=root, selector=what))["nodeIds"])

        assert await count("form:not([hidden])") == await count("button") == 0
        assert await count(".cases ol > li") == 100
        assert await count("[data-search] tbody tr") == 3
        assert tab.console == []
