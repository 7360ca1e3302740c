"""A remote arm on the screen: its host where a model has its device, and its faults in words."""

from pathlib import Path

import pytest

from routerlab.engine.arms.arm import Arm, Spec
from routerlab.engine.remote.arm import RemoteArm, RemoteSpec
from routerlab.paths import config_file
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.harness import settings_text
from tests.engine.remote.server import KEY, KEY_ENV, error, says, serving
from tests.tui.harness import Sitting, sitting
from tests.tui.scripted import Bench


def beside_models(made: Bench) -> None:
    """Let the lab make remote arms too, the real ones."""
    models = made.lab._make_arm

    def make(spec: Spec) -> Arm:
        return RemoteArm(spec, FRONT_DOOR) if isinstance(spec, RemoteSpec) else models(spec)

    made.lab._make_arm = make


async def asked(here: Sitting, trials: int) -> None:
    """Ask both arms, and wait until there are so many trials."""
    here.lab.ask("Why is the sky blue?")
    await here.until(lambda: len(here.lab.session.trials) == trials, "the answers")


async def test_a_remote_is_chosen_from_the_list_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv(KEY_ENV, KEY)
    async with serving(says(), error(401, "bad \x1b[31m [b]key[/b]")) as server:
        config_file().parent.mkdir(parents=True)
        config_file().write_text(settings_text(server))
        async with sitting(tmp_path, arms=1, prepare=beside_models, view="card") as here:
            await here.pilot.press("f9")
            await here.shows("router with its own model")  # the list is here; remotes are its last lines
            await here.pilot.press("end")
            await here.shows(f"m at 127.0.0.1:{server.port}")
            await here.pilot.press("enter")
            await here.until(lambda: len(here.panels()) == 2, "two panels")
            await here.lab.settled()
            await asked(here, 2)
            await here.shows("remote:test", f"127.0.0.1:{server.port}", "code/simple")
            await asked(here, 4)
            await here.shows("HTTP 401 Unauthorized: bad \\x1b[31m", "[b]key[/b]")
            panel = here.panels()[1]
            assert "ready" in panel
            assert "CPU build" not in panel
            assert "·" not in panel
            await here.lab.close()
