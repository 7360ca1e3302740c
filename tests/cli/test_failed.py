"""What commands and the screen say of an arm that was given up: the reason first, then the end of its log."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.cli.route import _ask
from routerlab.cli.shared.show import say
from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Prediction
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.lab.start import given_up, start_arms
from routerlab.tui.lab.sitting import Sitting
from routerlab.tui.lab.state import panel
from routerlab.tui.lab.text import panel_text
from routerlab.tui.shared.layout import Density
from routerlab.tui.shared.palette import Palette
from tests.conftest import PATIENCE_S
from tests.tui.scripted import NAMES, NOW, Bench, bench, specs

TAIL = ("llama_model_load: vocab", "GGML_ASSERT(n > 0) failed", "\x1b[2Jlast words")
REASON = "given up after 5 crashes in a row: the worker was ended by signal 6"
FAILED = ArmState("failed", NOW, message=REASON, log_tail=TAIL)


def test_the_log_goes_before_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = given_up("one", FAILED, say, "; the rest is here")
    assert str(error) == f"one: {REASON}; the rest is here"
    assert error.code == Exit.MISSING
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  log: llama_model_load: vocab"
    assert len(lines) == 3


async def test_an_arm_that_cannot_be_loaded_ends_a_command(tmp_path: Path) -> None:
    it = bench(tmp_path)
    it.script.fail[NAMES[0]] = "no good"
    with pytest.raises(LabError, match=f"^{NAMES[0]}: no good$"):
        await start_arms(it.lab, specs(1), say)
    await it.lab.close()


async def failing(folder: Path) -> Bench:
    """Two arms, the second of which fails when it is asked; nothing is saved, as `route` has it."""
    it = bench(folder)
    it.lab.path = None
    for spec in specs(2):
        it.lab.add_arm(spec)
    await it.lab.settled()
    arm = it.lab.arms[NAMES[1]]

    async def fail(prompt: str, timeout_s: float) -> Prediction:
        arm.state = FAILED
        arm.on_change(arm)
        return Prediction(status="crashed", error=REASON)

    arm.ask = fail  # type: ignore[method-assign]
    return it


async def test_route_does_not_wait_for_an_arm_that_was_given_up(tmp_path: Path) -> None:
    it = await failing(tmp_path)
    async with asyncio.timeout(PATIENCE_S):
        assert [trial.status for trial in await _ask(it.lab, "hello")] == ["ok", "crashed"]
        with pytest.raises(LabError, match="given up after 5 crashes"):
            await _ask(it.lab, "and again")
    await it.lab.close()


@pytest.mark.parametrize("density", ["full", "dense", "split"])
async def test_the_panel_shows_the_reason_and_as_much_of_the_log_as_fits(
    tmp_path: Path, density: Density
) -> None:
    it = bench(tmp_path)
    it.lab.add_arm(specs(1)[0])
    await it.lab.settled()
    arm = it.lab.arms[NAMES[0]]
    arm.state = FAILED
    colours = Palette("dim", "dim", "green", "red", "yellow", "blue", {})
    view = panel(NAMES[0], arm, None, Sitting(), NOW, it.lab.taxonomy.short)
    shown = panel_text(view, density, 60, colours).plain
    plain = panel_text(replace(view, log_tail=()), density, 60, colours).plain
    assert len(shown.splitlines()) == len(plain.splitlines()), "the panel keeps its height"
    assert "given up after 5 crashes in a row" in shown
    assert "\\x1b[2Jlast words" in shown
    assert shown.index("given up") < shown.index("last words")
    assert all(line in shown for line in TAIL[:2]) == (density != "split"), "three lines there"
    await it.lab.close()
