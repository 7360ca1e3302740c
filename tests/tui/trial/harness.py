"""A trial on a screen: the real app, lab, generator and session file over scripted arms."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from routerlab.core.prediction import Prediction
from routerlab.core.session.file import SessionFile, read_session
from routerlab.core.session.session import Session
from routerlab.engine.arms.arm import Arm, Spec
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.settings import Settings
from routerlab.study.trial.protocol.lock import Lock, LockedArm
from routerlab.study.trial.protocol.registration import register
from routerlab.study.trial.run.run import Work
from routerlab.tui.shared.dialogs import Choose
from routerlab.tui.trial.mode import TrialMode
from routerlab.tui.trial.screen import TrialScreen
from tests.study.trial.harness import locked, protocol_file, run_record
from tests.tui.harness import Watch, app_in, settle
from tests.tui.scripted import NOW, Script, ScriptedArm, info, specs

CLOSED = "closed"
WARMUPS = 2
"""Questions to each arm before the first session, as the protocol has them by default."""


def work_of(
    folder: Path, arms: int, sessions: int, rate: float | str, more: str = "", looks: str = ""
) -> Work:
    """A locked protocol whose arms are scripted ones; `rate` may be CLOSED."""
    path = protocol_file(folder, sessions=sessions, looks=looks, more=more)
    traffic = 'pattern = "closed"' if rate == CLOSED else f'pattern = "poisson"\nrate = {rate}'
    path.write_text(path.read_text().replace('pattern = "poisson"\nrate = 200.0', traffic))
    _, lock = locked(path)
    chosen = specs(arms)
    scripted = tuple(
        LockedArm(name=s.name, ask=s.name, contract=s.contract, files={"model": info(s).model_sha256})
        for s in chosen
    )
    lock = Lock.model_validate(lock.model_dump() | {"arm": scripted})
    return Work(replace(register(path), specs=chosen), lock, run_record(lock))


def halting(script: Script, after: int) -> None:
    """Have the arms stop answering once they have answered so many prompts, warm-ups included."""
    usual = script.answer

    def answer(arm: str, contract: str, prompt: str) -> Prediction:
        if len(script.asked) == after:
            script.answers.clear()
        return usual(arm, contract, prompt)

    script.answer = answer  # type: ignore[method-assign]


class Trialing(Watch[TrialMode]):
    """A running trial."""

    script: Script
    path: Path

    @property
    def page(self) -> TrialScreen:
        return self.mode.page

    @property
    def session(self) -> Session:
        return self.mode.lab.session

    def over(self) -> int:
        return sum(trial.session is not None for trial in self.session.trials)

    async def sent(self, n: int) -> None:
        """Wait until the screen says that n sessions are over, or more."""

        def drawn() -> bool:
            found = re.search(r"(\d+)/\d+ sessions", self.picture())
            return found is not None and int(found[1]) >= n

        await self.until(drawn, f"{n} sessions")

    async def settled(self) -> None:
        """Wait until nothing on the screen changes any more."""
        await settle(self.pilot)

    async def left(self) -> None:
        """Wait until the app has ended."""
        await self.until(lambda: not self.app.is_running, "the end of the app")

    async def asks(self) -> None:
        """Wait for the question whether to stop."""
        await self.until(lambda: isinstance(self.app.screen, Choose), "the question")

    def written(self) -> Session:
        """The session as its file has it."""
        return read_session(self.path).session


def script_of(work: Work) -> Script:
    """What the arms do; both gates are open."""
    gold = {case.prompt: case.label or "" for case in work.registered.cases}
    script = Script(work.registered.taxonomy, gold=gold)
    script.loads.set()
    script.answers.set()
    return script


def lab_of(folder: Path, work: Work, script: Script, settings: Settings) -> Lab:
    """A lab on scripted arms, on the session that is there already or a new one."""
    registered, path = work.registered, folder / "session.toml"
    materials = Materials(
        registered.taxonomy, registered.taxonomy_path, registered.corpus, registered.corpus_path
    )

    def make(spec: Spec) -> Arm:
        return ScriptedArm(spec, script)

    return Lab(materials, settings, make, path, SessionFile.open(path) if path.exists() else None)


@asynccontextmanager
async def trialing(
    folder: Path,
    arms: int = 3,
    sessions: int = 10,
    rate: float | str = 500.0,
    size: tuple[int, int] = (120, 40),
    settings: Settings | None = None,
    more: str = "",
    looks: str = "",
    now: Callable[[], float] = lambda: NOW,
    prepare: Callable[[Script], None] = lambda script: None,
) -> AsyncIterator[Trialing]:
    """An app that carries out a trial of scripted arms; `prepare` may close gates first."""
    work = work_of(folder, arms, sessions, rate, more, looks)
    script = script_of(work)
    prepare(script)
    mode = TrialMode(work, lab_of(folder, work, script, settings or Settings()), now)
    app = app_in(mode, mode.lab.settings)
    async with app.run_test(size=size, notifications=True) as pilot:
        here = Trialing(app, mode, pilot)
        here.script, here.path = script, folder / "session.toml"
        try:
            await here.until(lambda: any(isinstance(s, TrialScreen) for s in app.screen_stack), "the screen")
            yield here
        finally:
            script.answers.set()
            script.loads.set()
            await asyncio.sleep(0)
