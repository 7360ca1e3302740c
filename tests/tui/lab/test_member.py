"""Which member of a cascade answered, on a panel and in the dialog."""

from pathlib import Path

from routerlab.core.prediction import Prediction
from tests.tui.harness import sitting
from tests.tui.scripted import Bench


async def test_a_panel_and_the_dialog_name_the_member_that_answered(tmp_path: Path) -> None:
    def by_a_member(made: Bench) -> None:
        answer = made.script.answer

        def told(arm: str, contract: str, prompt: str) -> Prediction:
            return answer(arm, contract, prompt).model_copy(
                update={"member": "tiny:probe", "error": "minute:probe: refused: too long"}
            )

        made.script.answer = told  # type: ignore[method-assign]

    async with sitting(tmp_path, arms=1, prepare=by_a_member, view="card") as here:
        here.lab.ask("Why is the sky blue?")
        await here.until(lambda: len(here.lab.session.trials) == 1, "the answer")
        await here.until(lambda: "by tiny:probe" in here.panels()[0], "who answered")
        await here.pilot.press("escape", "enter")
        await here.shows("by tiny:probe", "minute:probe: refused: too long")
