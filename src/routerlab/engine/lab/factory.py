"""Makes arms from specifications: models plain or tuned, cascades of them, baselines, and remote arms."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.engine.arms.arm import Arm, ArmSpec, Spec
from routerlab.engine.arms.baseline import AgreementArm, BaselineArm, BaselineSpec
from routerlab.engine.arms.cascade import CascadeArm, member_files
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.router import Abstain, Cascade, Router, load_router
from routerlab.engine.lab.specs import router_spec
from routerlab.engine.remote.arm import RemoteArm, RemoteSpec
from routerlab.engine.remote.playback import RecordedArm, RecordedSpec
from routerlab.engine.worker.protocol import Load
from routerlab.models.placement import want
from routerlab.resources import EXEMPLARS, TAXONOMY
from routerlab.settings import Settings

ArmFactory = Callable[[Spec], Arm]
"""Makes an arm from a specification; tests put a scripted engine here."""


class ModelArms:
    """Makes the arms of one lab. They load one after the other: two models that read their exemplars
    at once on the same cores take several times as long as in turn."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        exemplars: Sequence[Exemplar],
        exemplars_sha256: str | None,
        settings: Settings,
        slots: int = 1,
    ) -> None:
        """`slots`: prompts that a model answers in one decode when it is asked many."""
        self._taxonomy = taxonomy
        self._exemplars = tuple(exemplars)
        self._exemplars_sha256 = exemplars_sha256
        self._settings = settings
        self._slots = slots
        self._turn = asyncio.Lock()

    def __call__(self, spec: Spec) -> Arm:
        """An arm for this specification, not yet started. LabError when its router file is no good."""
        if isinstance(spec, BaselineSpec):
            members = [self(member) for member in spec.members]
            return AgreementArm(spec, members) if members else BaselineArm(spec, self._taxonomy)
        if isinstance(spec, RemoteSpec):
            return RemoteArm(spec, self._taxonomy)
        if isinstance(spec, RecordedSpec):
            return RecordedArm(spec, self._taxonomy)
        if not isinstance(spec, ArmSpec):
            raise LabError(f"{spec.name}: no arm of this kind can be made here")
        if spec.router is None:
            return self.model_arm(spec)
        router = load_router(spec.router)
        if isinstance(router, Router):
            return self.model_arm(spec, router)
        specs = [router_spec(path) for path in member_files(spec.router, router)]
        members = [self.model_arm(s, load_router(s.router), member=True) for s in specs if s.router]
        return CascadeArm(spec, router, members)

    def model_arm(
        self,
        spec: ArmSpec,
        router: Router | Cascade | None = None,
        layers: Sequence[int] = (),
        member: bool = False,
    ) -> "ModelArm":
        """An arm that is one model: plain, tuned by `router`, or one whose `layers` tuning reads. A `member`
        of a cascade leaves it to that when to abstain, whatever it promises alone."""
        if isinstance(router, Cascade):
            raise LabError(f"{spec.router}: a cascade cannot be a member of a cascade")
        settings = self._settings
        abstain = Abstain(probability=settings.unsure, familiarity=settings.abstain)
        load = Load(
            model=spec.model.absolute(),
            contract=spec.contract,
            encoding=router.encoding if router else spec.encoding,
            parse=spec.parse or "strict",
            instruction=router.instruction if router else spec.instruction,
            taxonomy=self._taxonomy,
            exemplars=router.exemplar if router else self._exemplars,
            exemplars_sha256=None if router else self._exemplars_sha256,
            n_ctx=settings.context,
            threads=settings.threads,
            prefix_cache=settings.prefix_cache_mb * 2**20,
            wanted=want(settings.devices, settings.gpu_layers, settings.split),
            slots=max(self._slots, settings.concurrency),
            concurrency=settings.concurrency,
            layers=tuple(layers),
            abstain=abstain.with_(router.promise) if router and not member else abstain,
            router=router,
            router_folder=spec.router.absolute().parent if spec.router else None,
        )
        return ModelArm(spec, load, self._turn)


def model_arms(taxonomy: Taxonomy, exemplars: str | None, settings: Settings, slots: int = 1) -> ModelArms:
    """The factory of arms with the exemplars of that name (see `exemplar_corpus`)."""
    corpus = exemplar_corpus(taxonomy, exemplars)
    return ModelArms(taxonomy, shots(corpus), corpus.sha256 if corpus else None, settings, slots)


def exemplar_corpus(taxonomy: Taxonomy, exemplars: str | None) -> Corpus | None:
    """The corpus of exemplars, None for `none`; those that ship are used only with the labels that ship."""
    if exemplars == "none" or (exemplars is None and taxonomy.sha256 != load_taxonomy(TAXONOMY).sha256):
        return None
    return load_corpus(Path(exemplars) if exemplars else EXEMPLARS, taxonomy)


def shots(corpus: Corpus | None) -> tuple[Exemplar, ...]:
    """The cases as exemplars."""
    labelled = [case for case in corpus.case if case.label is not None] if corpus else []
    return tuple(Exemplar(prompt=case.prompt, label=case.label) for case in labelled)
