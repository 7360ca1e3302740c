"""Where labels lead: by hand, on the screen, as pictures."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot

from routerlab.core.prediction import Status, Trial
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.lab.runner import Progress
from routerlab.resources import ROUTES, TAXONOMY
from routerlab.study.routing_table import load_routes, routes_for
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.lab.targets import sent, target_lines, targets_text
from tests.tui.harness import app_in, settle
from tests.tui.lab.test_snapshots import SIZES, judged, scrolled
from tests.tui.lab.test_standings import PALETTE
from tests.tui.scripted import CASES, NOW, bench, specs

TAXES = load_taxonomy(TAXONOMY)
TABLE = load_routes(ROUTES, TAXES)
PROMPT = "x" * 400
"""A hundred tokens, by the table's four characters a token."""


def said(label: str | None, status: Status = "ok", gold: str | None = None, abstained: bool = False) -> Trial:
    return Trial(
        id="t",
        at=datetime.now(UTC),
        arm="a",
        prompt=PROMPT,
        gold=gold,
        status=status,
        label=label,
        abstained=abstained or None,
        contended=False,
    )


def test_where_labels_lead_and_what_that_costs_by_hand() -> None:
    trials = {
        "a": said("CoT/simple"),
        "b": said("code/simple"),
        "c": said("code/complex"),
        "d": said("code/simple", abstained=True),
        "control": said(None, "unrouted"),
        "cut short": said(None, "cancelled"),
    }
    small, frontier = sent(TABLE, trials, PROMPT)
    assert (small.target.name, small.arms) == ("local-small", ("a", "b"))
    # 100 tokens in at 0.05, 180 or 250 out at 0.20 per million, a thousand times
    assert small.costs == pytest.approx((0.041, 0.055))
    assert (frontier.target.name, frontier.arms) == ("frontier", ("c", "d", "control"))
    assert frontier.costs[0] == pytest.approx(0.3 + 27)  # 1800 out at 15
    assert frontier.costs[1:] == (None, None)  # no label says how long the answer is
    known = sent(TABLE, {arm: said(one.label, gold="CoT/complex") for arm, one in trials.items()}, PROMPT)
    assert known[0].costs == pytest.approx((0.185, 0.185, 0.185))  # 900 out, whatever the arms say


@pytest.mark.parametrize("width", [57, 77, 110])
def test_arms_that_part_are_marked(width: int) -> None:
    trials = {"minilm:probe": said("CoT/simple"), "qwen2.5-coder-0.5b:json": said("code/complex")}
    lines = targets_text(TABLE, trials, PROMPT, width, PALETTE).plain.split("\n")
    assert len(lines) == 2 < target_lines(TABLE) == 3
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("≠ local-small  0.041 USD per 1,000  minilm:probe")
    assert lines[1].startswith("≠ frontier      27.3 USD per 1,000  qwen2.5-coder")
    same = targets_text(TABLE, dict.fromkeys("ab", said("CoT/simple")), PROMPT, width, PALETTE).plain
    assert same.startswith("→ local-small  0.041 USD per 1,000  all arms")
    assert "cost unknown" in targets_text(TABLE, trials, None, width, PALETTE).plain
    assert targets_text(TABLE, {}, PROMPT, width, PALETTE).plain.strip() == ""


def test_the_table_that_ships_is_for_the_labels_that_ship() -> None:
    assert routes_for(None, TAXES) == TABLE
    assert routes_for(None, TAXES.model_copy(update={"name": "other"})) is None


@pytest.mark.parametrize("size", ["80x24", "160x48"])
def test_the_question_says_where_it_would_go(
    snap_compare: Callable[..., bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    made = bench(tmp_path)
    mode = LabMode(made.lab, specs(4), now=lambda: NOW, routes=TABLE)

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: len(made.lab.arms) == 4, 0.0)
        made.lab.replay(made.lab.cases())
        await made.lab.finished()
        done = Progress("idle", 4 * CASES, 4 * CASES, 12.3)
        monkeypatch.setattr(type(made.lab), "progress", property(lambda lab: done))
        screen = pilot.app.screen
        assert isinstance(screen, LabScreen)
        screen.redraw()
        table = screen.query_one(HistoryTable)
        await settle(pilot, lambda: table.row_count == CASES and judged(screen), 0.0)
        await pilot.press("escape", *("v" if size == "80x24" else ""))
        await settle(pilot, lambda: scrolled(table), 0.0)  # the question takes rows of the table, in its time
        await pilot.press("up", "up")
        await settle(pilot, lambda: scrolled(table))
        picture = "\n".join(line.text for line in screen._compositor.render_strips())
        assert picture.count("USD per 1,000") >= 2
        assert "≠ frontier" in picture

    app = app_in(mode, made.lab.settings)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=run)
