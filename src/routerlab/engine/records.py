"""What a lab works with, and what it writes down about it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from routerlab import __version__
from routerlab.core.corpus import Corpus
from routerlab.core.session import ArmRecord, Header, pin_corpus, pin_taxonomy
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arm import Arm
from routerlab.engine.build import machine
from routerlab.settings import Settings


@dataclass(frozen=True)
class Materials:
    """What a lab works with, and where each came from."""

    taxonomy: Taxonomy
    taxonomy_path: Path
    corpus: Corpus | None
    corpus_path: Path | None


def same_arm(one: ArmRecord, other: ArmRecord) -> bool:
    """Whether the records differ only in what differs each time the same arm is loaded."""
    once = {"at": datetime.min, "load_ms": 0.0}
    return one.model_copy(update=once) == other.model_copy(update=once)


def arm_record(arm: Arm) -> ArmRecord | None:
    """What the session says of an arm; None before it was ready."""
    info = arm.state.info
    if info is None:
        return None
    shared = {k: v for k, v in info.model_dump().items() if k in ArmRecord.model_fields}
    return ArmRecord(
        **shared,
        at=datetime.now(UTC),
        kind="gguf",
        model_file=str(arm.spec.model),
        device=info.device,
        router_file=str(arm.spec.router) if arm.spec.router else None,
        name=arm.spec.name,
    )


def new_header(materials: Materials, settings: Settings, repeats: int) -> Header:
    """The header of a new session."""
    now = datetime.now(UTC)
    corpus = None
    if materials.corpus is not None and materials.corpus_path is not None:
        corpus = pin_corpus(materials.corpus, materials.corpus_path)
    return Header(
        id=f"{now:%Y%m%dT%H%M%S.%fZ}",
        created=now,
        lab_version=__version__,
        machine=machine(),
        schedule=settings.schedule,
        repeats=repeats,
        corpus=corpus,
        taxonomy=pin_taxonomy(materials.taxonomy, materials.taxonomy_path),
    )
