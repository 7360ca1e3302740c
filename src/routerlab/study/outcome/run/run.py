"""Carries a plan out: every task once by every model, checked and kept one by one."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import Exit, LabError
from routerlab.core.remote import Remote
from routerlab.core.text import plural
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.downstream import Answered, Asked, ChatModel
from routerlab.engine.cluster.arm import Cluster, ClusterArm
from routerlab.engine.lab.runner import Progress
from routerlab.engine.lab.start import Say
from routerlab.models.catalog import find_model
from routerlab.settings import Settings
from routerlab.study.outcome.check.sandbox import Sandbox
from routerlab.study.outcome.compress.reader import Reader
from routerlab.study.outcome.load import OutcomeFile
from routerlab.study.outcome.record import Outcome
from routerlab.study.outcome.run.local import chat_models, settings_for, untimed
from routerlab.study.outcome.run.plan import Plan
from routerlab.study.outcome.run.score import scored
from routerlab.study.outcome.task import Task, Tasks
from routerlab.study.routing_table import Routes

Chat = Callable[[str, Asked], Awaitable[Answered]]


@dataclass(frozen=True)
class Work:
    """What is carried out: a plan, with all that it names; `where` each model is; `sandbox` is for what
    answers' checks run; local models answer on the `cluster`, if there is one."""

    plan: Plan
    tasks: Tasks
    routes: Routes
    where: dict[str, Path | Remote]
    settings: Settings
    sandbox: Sandbox
    cluster: Cluster | None = None


async def carry_out(work: Work, file: OutcomeFile, say: Say, show: Callable[[Progress], None]) -> list[str]:
    """Ask what the session does not have yet: remote models first, all at once, then the local ones in turn.

    The models that were given up on the way, a line each. LabError when the disk is full, or prompts
    cannot be compressed. To be stopped by cancelling it: all that is whole is kept.
    """
    run = _Run(work, file, say, show)
    remotes = {name: at for name, at in work.where.items() if isinstance(at, Remote)}
    await _together([run.remote(name, remote) for name, remote in remotes.items()])
    for name, at in work.where.items():
        if isinstance(at, Path):
            await run.local(name, at)
    if run.capped:
        owed = plural(run.owed(), "question of the plan is", "questions of the plan are")
        say(f"stopped at {run.capped}: {owed} not asked")
    return run.lost


async def _together(work: Sequence[Awaitable[None]]) -> None:
    """Wait for all of them; the first error ends the others."""

    async def one(each: Awaitable[None]) -> None:
        await each

    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(one(each))
    except BaseExceptionGroup as e:
        raise e.exceptions[0] from None


class _Run:
    """The run while it goes on."""

    def __init__(self, work: Work, file: OutcomeFile, say: Say, show: Callable[[Progress], None]) -> None:
        self.lost: list[str] = []
        self.capped = ""
        self._work, self._file, self._say, self._show = work, file, say, show
        chat = work.plan.chat
        self._reading = asyncio.Lock()
        self._sent: dict[tuple[str, str], str] = {}
        self._whole = {one.name: one.whole or one.name for one in work.plan.model}
        self._how = Asked(chat.max_tokens, chat.stop, chat.timeout_s)
        self._begun = time.monotonic()
        self._total = len(work.tasks.task) * len(work.where)
        self._first = self._done = self._total - self.owed()
        self._asked = self._done
        if self._done and self._done < self._total:
            say(f"going on: {self._done} of {self._total} answers are there already")

    def owed(self) -> int:
        """Questions that are not answered yet."""
        return sum(len(self._todo(name)) for name in self._work.where)

    def _todo(self, name: str) -> deque[Task]:
        known = self._file.outcomes.of
        done = {task for (task, model), one in known.items() if model == name and one.status != "cancelled"}
        left = [task for task in self._work.tasks.task if task.id not in done]
        return deque(sorted(left, key=lambda task: prompt_sha256(task.prompt)))

    async def _compress(self, name: str, todo: Iterable[Task]) -> None:
        """Have the small model make shorter what this model is still to be asked, if it is a variant.
        LabError when the small model is not here, or cannot read a prompt."""
        plan = self._work.plan
        one = next(one for one in plan.model if one.name == name)
        if one.compress is None:
            return
        async with self._reading, Reader(find_model(plan.reader or ""), self._work.settings) as reader:
            self._say(f"compressing prompts for {name} ...")
            for task in todo:
                read = await reader.read(task.prompt)
                self._sent[name, task.id] = await reader.compress(read, one.compress, one.share)

    async def remote(self, name: str, remote: Remote) -> None:
        """Ask a remote model what it owes, some questions at a time."""
        from routerlab.engine.remote.downstream import RemoteChat

        chat = self._work.plan.chat
        todo = self._todo(name)
        if not todo:
            return
        await self._compress(name, todo)
        model = await asyncio.to_thread(RemoteChat, remote, chat.system, chat.max_tokens, chat.stop)
        lanes = min(self._work.plan.concurrency or remote.concurrency, len(todo))
        try:
            await _together([self._lane(name, todo, model.chat, lanes > 1) for _ in range(lanes)])
        except LabError as e:
            if self._file.pending:
                raise
            self._lose(name, str(e))
        finally:
            for line in model.changed:
                self._say(f"{name}: {line}")
            await model.close()

    async def local(self, name: str, path: Path) -> None:
        """Load a local model, ask it what it owes, and end it."""
        todo = self._todo(name)
        if not todo or self.capped:
            return
        await self._compress(name, todo)
        self._say(f"loading {name} ...")
        plan, cluster = self._work.plan, self._work.cluster
        spec, make = ArmSpec(name=name, model=path, contract="chat"), partial(chat_models, plan)
        settings = settings_for(plan, self._work.settings)
        model: ClusterArm | ChatModel = (
            ClusterArm(spec, cluster, make, settings, plan.together) if cluster else make(settings)(spec)
        )
        try:
            await model.start()
            if isinstance(model, ClusterArm):
                await self._far(name, model, todo)
            else:
                await self._near(name, model, todo)
        except LabError as e:
            if self._file.pending:
                raise
            self._lose(name, str(e))
        finally:
            await model.stop()

    async def _near(self, name: str, model: ChatModel, todo: deque[Task]) -> None:
        again: deque[Task] = deque()

        async def chat(prompt: str, how: Asked) -> Answered:
            if not await model.settled():
                raise LabError(model.state.message, Exit.MISSING)
            return await model.chat(prompt, how)

        lanes = 1
        if await model.settled() and model.state.info is not None:
            lanes = min(model.state.info.concurrency or 1, len(todo))
            ready_s = model.state.info.load_ms / 1000
            self._say(f"  ready in {ready_s:.1f} s; {model.state.message}".rstrip("; "))
        await _together([self._lane(name, todo, chat, lanes > 1, again) for _ in range(lanes)])
        await self._lane(name, again, chat, False)

    async def _far(self, name: str, model: ClusterArm, todo: deque[Task]) -> None:
        """Have a cluster's copies of a model answer; answers are kept in the order of the tasks."""
        again: deque[Task] = deque()
        if model.state.phase == "ready":
            self._say(f"  {model.state.message}")
        await self._spread(name, model, todo, again if self._work.plan.together > 1 else None)
        while again:
            await self._spread(name, model, deque([again.popleft()]))
        if model.state.phase != "ready":
            raise LabError(model.state.message, Exit.MISSING)

    async def _spread(
        self, name: str, model: ClusterArm, todo: deque[Task], again: deque[Task] | None = None
    ) -> None:
        """Ask all; each copy has several at once where there is `again`."""
        asked: deque[tuple[datetime, Task]] = deque()

        def prompts() -> Iterator[list[str]]:
            while todo and self._may_ask():
                task = todo.popleft()
                self._asked += 1
                asked.append((datetime.now(UTC), task))
                yield [self._sent.get((name, task.id), task.prompt)]

        async for answered in model.spread(partial(untimed, self._how), prompts()):
            at, task = asked.popleft()
            await self._keep(at, task, name, answered, again is not None, again)

    async def _lane(
        self, name: str, todo: deque[Task], chat: Chat, contended: bool, again: deque[Task] | None = None
    ) -> None:
        """Ask one question after the other."""
        while todo and self._may_ask():
            task = todo.popleft()
            self._asked += 1
            at = datetime.now(UTC)
            answered = await chat(self._sent.get((name, task.id), task.prompt), self._how)
            await self._keep(at, task, name, answered, contended, again)

    def _may_ask(self) -> bool:
        caps, known = self._work.plan.caps, self._file.outcomes.of
        if caps.questions is not None and self._asked >= caps.questions:
            self.capped = f"the cap of {caps.questions} questions"
        elif caps.cost is not None and (spent := sum(one.cost or 0.0 for one in known.values())) >= caps.cost:
            self.capped = f"the cap of {caps.cost:g} {self._work.routes.currency} ({spent:g} spent)"
        return not self.capped

    async def _keep(
        self,
        at: datetime,
        task: Task,
        name: str,
        answered: Answered,
        contended: bool,
        again: deque[Task] | None,
    ) -> None:
        """Check an answer and write it down. A task that a worker died of while it had others goes to
        `again`: it may have been another's fault."""
        if answered.status == "crashed" and again is not None and contended:
            again.append(task)
            self._asked -= 1
            return
        outcome = Outcome(
            at=at,
            task=task.id,
            model=name,
            status=answered.status,
            sent=self._sent.get((name, task.id)),
            answer=answered.text if answered.status == "ok" else None,
            finish=answered.finish,
            tokens_in=answered.tokens_in,
            tokens_out=answered.tokens_out,
            latency_ms=answered.total_ms,
            first_ms=answered.first_ms,
            cost=self._cost(name, answered),
            error=answered.error,
            contended=contended,
            checked=False,
        )
        outcome = await asyncio.to_thread(scored, outcome, task, self._work.sandbox)
        self._file.append(outcome)
        self._done += 1
        elapsed = time.monotonic() - self._begun
        left = elapsed / (self._done - self._first) * (self._total - self._done)
        self._show(Progress("running", self._done, self._total, elapsed, left))

    def _cost(self, name: str, answered: Answered) -> float | None:
        """By a remote's own prices, if it has some in the table's currency, else by the table's; nothing for
        what was not answered, and None where nobody counted tokens."""
        if answered.status != "ok":
            return 0.0
        at, routes = self._work.where[name], self._work.routes
        if isinstance(at, Remote) and at.prices and at.prices.currency == routes.currency:
            return answered.cost
        if answered.tokens_in is None or answered.tokens_out is None:
            return None
        return routes.targets[self._whole[name]].cost(answered.tokens_in, answered.tokens_out)

    def _lose(self, name: str, why: str) -> None:
        line = f"{name}: {why}; {plural(len(self._todo(name)), 'question is', 'questions are')} not asked"
        self.lost.append(line)
        self._say(line)
