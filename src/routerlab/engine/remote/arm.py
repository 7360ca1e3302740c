"""An arm that is a model behind an OpenAI-compatible endpoint, asked under the `json` contract.

What is asked is what a model here is asked under that contract: the same system prompt, greedy, as many
tokens, and the answer is read by the same parser. What a server does not take of it is found out with one
question while the arm loads (terms.py). Requests and retries: endpoint.py.
"""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.core.prediction import Attempt, Latency, Prediction
from routerlab.core.remote import Remote, api_key
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import Spec, Watched
from routerlab.engine.contract.contract import system_prompt
from routerlab.engine.contract.names import ContractName
from routerlab.engine.remote.completion import Completion, read_completion, read_models
from routerlab.engine.remote.extract import extract
from routerlab.engine.remote.info import RemoteInfo
from routerlab.engine.remote.terms import Terms, terms_of

if TYPE_CHECKING:
    from routerlab.engine.remote.endpoint import Endpoint, Reply

T = TypeVar("T")
MODELS_S = 5.0
"""Time for a server to say which models it has. One that does not is asked a question all the same."""
FIRST_S = 120.0
"""Time for the first answer, attempts and waits included: a server may have to load the model."""
FIRST = "Write a regular expression that matches ISO dates."
"""What a server is asked first."""
PERSONAL = (401, 402, 403, 429)
"""Statuses of a refusal that is of who asks or how often, not of what is in the request."""
ROUNDS = 8
"""Requests at most until a server takes one, each without what it refused of the one before."""
RECORDED = {"base_url", "model", "hosting", "retries", "prices", "reasoning", "reasoning_tokens", "parse"}
"""What the arm's record has of the remote as it is; its body is left out where it is empty."""


class RemoteSpec(Spec):
    """A remote as it was asked for."""

    contract: ContractName = "json"
    remote: Remote


class RemoteArm(Watched):
    """A remote model (see `Arm`). A question that fails does not end the arm: the next one may go well.

    Unlike other arms it may be asked while it is busy: its server decides what waits for what.
    """

    def __init__(self, spec: RemoteSpec, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.spec = spec
        self._labels = taxonomy.labels
        self._system = system_prompt(taxonomy, "json")
        self._endpoint: Endpoint | None = None
        self._terms = terms_of(spec.remote)
        self.first: Prediction | None = None
        """The answer to the question that it was asked while it loaded."""
        self._tasks: set[asyncio.Task[Any]] = set()
        """What is under way."""
        self._heard = ""
        """What the last answer said that was none, in a line."""
        self._cancels = 0
        """Counts cancellations, for questions that were still waiting to be sent."""
        self._life = 0
        """Counts starts and stops: what began in an earlier life must not touch a later one."""

    async def start(self) -> None:
        """Read the key, ask the server which models it has, and ask it a question: an arm that is ready
        answers. What its server does not take is found out here, once. A list of models it need not have."""
        self._life += 1
        life, begun, remote = self._life, time.perf_counter(), self.spec.remote
        self._enter("loading", stage=f"asking {remote.host}", message="", info=None)
        self.first = None
        endpoint, fault = await asyncio.to_thread(_connect, remote)
        if life == self._life and endpoint is not None:
            self._endpoint = endpoint
            found = await self._under_way(self._begin(endpoint, begun))
            if life != self._life or not found:  # stopped meanwhile, and closed then; or ready
                return
            fault = found
            self._endpoint = None
        if endpoint is not None:
            await endpoint.close()
        if life == self._life:
            self._enter("failed", stage="", message=fault)

    async def _begin(self, endpoint: "Endpoint", begun: float) -> str:
        """Come to terms with the server; why that cannot be, or "" and the arm is ready."""
        life, remote = self._life, self.spec.remote
        listed = await endpoint.models(MODELS_S)
        terms = terms_of(remote)
        for _ in range(ROUNDS):
            attempts: list[Attempt] = []
            sent = time.perf_counter()
            reply = await endpoint.ask(terms.request(self._system, FIRST), FIRST_S, attempts)
            other = None if reply.http in PERSONAL else terms.without(reply.refusal)
            if other is None:
                break
            terms = other
        if reply.status != "ok":
            where = f"; see the key in {remote.key_env}" if remote.key_env else ""
            return f"{reply.error}{where if reply.http in (401, 403) else ''}"
        if life != self._life:
            return ""
        self._terms = terms
        info = self._info(endpoint.library)
        self.state = replace(self.state, info=info)
        answer = self._read(endpoint, reply)
        if answer.status == "crashed":
            return answer.error or ""
        spent = Latency(total=(time.perf_counter() - sent) * 1000.0)
        self.first = answer.model_copy(update={"latency_ms": spent, "attempts": tuple(attempts)})
        notes = [*_notes(remote, listed), *terms.changed]
        if answer.error and answer.error.startswith("it reasoned"):
            notes.append(answer.error)
        if remote.reasoning == "off" and answer.tokens.reasoning:
            notes.append(f"it reasoned with {answer.tokens.reasoning} tokens although that is off")
        told = {"note": "; ".join(notes), "load_ms": (time.perf_counter() - begun) * 1000.0}
        self._heard = ""
        ready = (self.state.info or info).model_copy(update=told)  # by now with what the server calls itself
        self._enter("ready", stage="", message=ready.note, info=ready)
        return ""

    def _info(self, library: str) -> RemoteInfo:
        remote, terms = self.spec.remote, self._terms
        usual = Terms(remote.model, body=remote.body)
        return RemoteInfo(
            at=datetime.now(UTC),
            kind="remote",
            contract="json",
            **remote.model_dump(include=RECORDED),
            remote=remote.name,
            prompt_sha256=canonical_sha256({"system": self._system}),
            client=library,
            body=remote.body or None,
            sent=terms.parameters if terms.parameters != usual.parameters else None,
            adapted=terms.changed or None,
            local=remote.is_local,
            load_ms=0.0,
            name=self.spec.name,
        )

    async def _under_way(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result; None when `cancel` or `stop` came before the work began."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        try:
            await asyncio.wait([task])
        finally:
            self._tasks.discard(task)
            task.cancel()
        return None if task.cancelled() else task.result()

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See `Arm.ask`. The latency is from the first send to the whole answer, with retries and waits."""
        endpoint, life = self._endpoint, self._life
        if endpoint is None or self.state.phase not in ("ready", "busy"):
            return Prediction(status="crashed", error=self.state.message or "the arm is not ready")
        if self.state.phase == "ready":
            self._enter("busy")
        limit = min(timeout_s, self.spec.remote.timeout_s or timeout_s)
        found = await self._under_way(self._one(endpoint, prompt, limit))
        if life == self._life and not self._tasks:
            note = self.state.info.note if self.state.info else ""
            self._enter("ready", message=self._heard or note)
        return found or Prediction(status="cancelled")

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        """`concurrency` of them at a time; their latencies are those of a busy server, so none counts."""
        together = asyncio.Semaphore(self.spec.remote.concurrency)
        cancels = self._cancels

        async def one(prompt: str) -> Prediction:
            async with together:
                if cancels != self._cancels:
                    return Prediction(status="cancelled")
                return await self.ask(prompt, timeout_s)

        answers = await asyncio.gather(*map(one, prompts))
        batched = True if len(answers) > 1 else None
        return [answer.model_copy(update={"batched": batched}) for answer in answers]

    async def _one(self, endpoint: "Endpoint", prompt: str, limit: float) -> Prediction:
        attempts: list[Attempt] = []
        text = prompt.encode("utf-8", "replace").decode()  # half a surrogate pair is no text to send
        begun = time.perf_counter()
        try:
            reply = await endpoint.ask(self._terms.request(self._system, text), limit, attempts)
        except asyncio.CancelledError:
            answer = Prediction(status="cancelled")
        else:
            answer = self._read(endpoint, reply)
        total = Latency(total=(time.perf_counter() - begun) * 1000.0)
        return answer.model_copy(update={"latency_ms": total, "attempts": tuple(attempts)})

    def _read(self, endpoint: "Endpoint", reply: "Reply") -> Prediction:
        """The prediction in the server's reply, without time and attempts."""
        self._heard = reply.error or ""
        if reply.status != "ok":
            return Prediction(status=reply.status, error=reply.error)
        try:
            completion = read_completion(reply.content)
        except ValueError as e:
            self._heard = endpoint.short(f"{self.spec.remote.host}: {e}")
            return Prediction(status="crashed", error=self._heard)
        self._note_server(endpoint, completion)
        parse = self.spec.remote.parse or "strict"
        return extract(completion, self._labels, parse, self._terms.limit, endpoint.clean)

    def _note_server(self, endpoint: "Endpoint", completion: Completion) -> None:
        """What the server says of itself goes into the arm's record; where it changes, into another one."""
        said = (completion.model, completion.system_fingerprint)
        model, fingerprint = (endpoint.clean(text)[:200] if text else None for text in said)
        info = self.state.info
        if info is not None:
            told = {"served_model": model, "system_fingerprint": fingerprint}
            self.state = replace(self.state, info=info.model_copy(update=told))

    def cancel(self) -> None:
        """Drop the connections of all questions in progress; nothing is waited for."""
        self._cancels += 1
        if self.state.phase == "busy":
            for task in self._tasks:
                task.cancel()

    async def stop(self) -> None:
        """Drop what is in progress and close the connections."""
        self._life += 1
        self._cancels += 1
        life = self._life
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            await endpoint.close()
        if life == self._life:
            self._enter("stopped", stage="", message="")


def _connect(remote: Remote) -> "tuple[Endpoint | None, str]":
    """The endpoint, or why there is none. Half a second the first time: not for the event loop."""
    try:
        key = api_key(remote)
        from routerlab.engine.remote.endpoint import Endpoint

        return Endpoint(remote, key), ""
    except LabError as e:
        return None, str(e)
    except (OSError, ValueError, ImportError) as e:  # its text may have a proxy's password
        why = f"no client could be made ({type(e).__name__}): see the settings of proxy and certificates"
        return None, f"{remote.host}: {why}"


def _notes(remote: Remote, listed: "Reply") -> list[str]:
    """What a person should know before asking, a line each."""
    notes = []
    if remote.shows_the_key:
        notes.append(f"the key in {remote.key_env} crosses the network unencrypted (http)")
    if listed.status != "ok" and listed.http not in (404, 405, 501):
        notes.append(f"it does not say which models it has: {listed.error}")
    names = read_models(listed.content)
    if names and remote.model not in names:
        notes.append(f"{remote.host} does not list a model {remote.model}")
    return notes
