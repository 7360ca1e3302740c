"""Opens the ways of one model: our arms, and the peers that can be had here."""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from routerlab.bench.peers.heuristics import TIERS
from routerlab.bench.peers.kinds import PEERS
from routerlab.bench.peers.parent import Peer
from routerlab.bench.peers.protocol import PeerKind, PeerSetup
from routerlab.bench.selection import Group
from routerlab.bench.ways import Ask, Way, WayKind, bare, ours, peer, ready
from routerlab.core.corpus import Case, Corpus, fold
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Router, load_router
from routerlab.engine.lab.factory import ModelArms
from routerlab.settings import Settings

Tell = Callable[[str, int, int], None]
"""Progress: what is being done, how much of it, of how much."""


@dataclass(frozen=True)
class Plan:
    """What is asked, and how. Every way has the threads and the context of the settings.

    Peers that learn are fitted to `pool`; `encoder` is the sentence-transformers model that embeds for them.
    """

    taxonomy: Taxonomy
    cases: tuple[Case, ...]
    shots: tuple[Exemplar, ...]
    shots_sha256: str | None
    settings: Settings
    repeats: int
    seed: int
    peers: tuple[PeerKind, ...]
    pool: Corpus
    encoder: str


async def open_arms(group: Group, plan: Plan, stack: AsyncExitStack, tell: Tell) -> list[Way]:
    """Our ways, each with its bare decode, and some without exemplars in the prefix; `stack` will stop them.

    LabError when an arm cannot be loaded.
    """
    ways: list[Way] = []
    timeout_s = plan.settings.timeout_s
    make = ModelArms(plan.taxonomy, plan.shots, plan.shots_sha256, plan.settings)

    async def opened(name: str, kind: WayKind, of: str, arm: ModelArm, ask: Ask) -> Way:
        stack.push_async_callback(arm.stop)
        began = time.perf_counter()
        info = await ready(arm)
        return Way(name, kind, of, ask, info, time.perf_counter() - began, pid=lambda: arm.state.pid)

    # What exemplars cost does not depend on how the answer is written: of the untuned arms one will do.
    first = next((s for s in group.specs if s.router is None and s.contract == "score"), None)
    for i, spec in enumerate(group.specs):
        tell(f"{group.name}: loading arms", i, len(group.specs))
        router = load_router(spec.router) if spec.router else None
        name = group.way(spec)
        arm = make.model_arm(spec, router)
        ways.append(await opened(name, "ours", name, arm, ours(arm, timeout_s)))
        if spec.contract == "json":
            continue
        ways.append(Way(f"{name}, bare", "bare", name, bare(arm, timeout_s)))
        assert router is None or isinstance(router, Router)
        if router.exemplar if router else plan.shots and spec == first:
            arm = _zero_shot(spec, router, plan)
            ask = ours(arm, timeout_s, window=router.window or 0 if router else None)
            ways.append(await opened(f"{name}, zero-shot", "zero-shot", name, arm, ask))
    tell(f"{group.name}: loading arms", len(group.specs), len(group.specs))
    return ways


def _zero_shot(spec: ArmSpec, router: Router | None, plan: Plan) -> ModelArm:
    """The same model without exemplars. A head holds for its own prompt only, so of a probe only the layer
    is read, which is what takes the time."""
    encoding = router.encoding if router else spec.encoding
    plain = ArmSpec(
        name=f"{spec.name}-zero-shot", model=spec.model, contract=spec.contract, encoding=encoding
    )
    layers = (router.head.layer,) if router and router.head else ()
    return ModelArms(plan.taxonomy, (), None, plan.settings).model_arm(plain, layers=layers)


async def open_peers(
    group: Group, plan: Plan, info: ArmInfo, stack: AsyncExitStack, tell: Tell
) -> tuple[list[Way], dict[PeerKind, str]]:
    """The peers' ways, with the context, threads and layers on the GPU that our arm has by its `info`; and
    for each peer that cannot be had here the reason."""
    ways: list[Way] = []
    skipped: dict[PeerKind, str] = {}

    async def opened(kind: PeerKind) -> Way:
        process = Peer(
            PeerSetup(
                kind=kind,
                model=group.model.absolute(),
                taxonomy=plan.taxonomy,
                n_ctx=info.n_ctx,
                threads=info.threads,
                gpu_layers=-1 if info.layers_on_gpu >= info.layers else info.layers_on_gpu,
                encoder=plan.encoder,
                examples=examples(plan.pool) if PEERS[kind].fitted else (),
            )
        )
        stack.push_async_callback(process.stop)
        start_s, fit_s = await process.start()
        ask = peer(process, plan.settings.timeout_s)
        return Way(kind, "peer", kind, ask, None, start_s, fit_s, lambda: process.pid)

    for i, kind in enumerate(plan.peers, 1):
        try:
            refuse_unfair(kind, plan)
            ways.append(await opened(kind))
        except LabError as e:
            skipped[kind] = str(e)
        tell(f"{group.name}: loading peers", i, len(plan.peers))
    return ways, skipped


def examples(pool: Corpus) -> tuple[tuple[str, str], ...]:
    """What peers are fitted to: (prompt, label)."""
    return tuple((case.prompt, case.label) for case in pool.case if case.label is not None)


def refuse_unfair(kind: PeerKind, plan: Plan) -> None:
    """LabError when the peer's accuracy would say nothing: it answers labels that are not asked for, or it
    would be fitted to what it is asked."""
    about = PEERS[kind]
    if about.same_model:
        return
    answers = {label for _, label in examples(plan.pool)} if about.fitted else set(TIERS.values())
    if missing := sorted(answers - set(plan.taxonomy.labels)):
        labels = ", ".join(missing)
        raise LabError(f"answers {labels}, which are no labels of taxonomy {plan.taxonomy.name}")
    pool = {fold(case.prompt) for case in plan.pool.case}
    if about.fitted and (seen := sum(fold(case.prompt) in pool for case in plan.cases)):
        of = f"{seen} of the {len(plan.cases)} cases"
        raise LabError(f"is fitted to {plan.pool.name}, which has {of}: ask others with --corpus")
