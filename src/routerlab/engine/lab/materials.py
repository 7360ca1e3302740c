"""What a lab works with, and what it writes down about it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from routerlab.core.corpus import Corpus
from routerlab.core.prediction import Record
from routerlab.core.session.arm import AnyArmRecord, ArmRecord, BaselineRecord, RemoteRecord
from routerlab.core.session.session import Header, pin_corpus, pin_taxonomy, short_path
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import Arm, ArmSpec
from routerlab.engine.arms.baseline import BaselineInfo
from routerlab.engine.arms.members import MembersArm
from routerlab.engine.contract.info import ArmInfo, Info
from routerlab.engine.remote.info import RemoteInfo
from routerlab.engine.worker.build import machine
from routerlab.settings import Settings
from routerlab.version import __version__


@dataclass(frozen=True)
class Materials:
    """What a lab works with, and where each came from."""

    taxonomy: Taxonomy
    taxonomy_path: Path
    corpus: Corpus | None
    corpus_path: Path | None


def changed(one: AnyArmRecord, other: AnyArmRecord) -> list[str]:
    """The fields in which the records differ, besides what differs each time the same arm is loaded.

    `other` is the later one: what a server has not said of itself yet is no difference, nor why plain text
    stands in, which follows from the prompt and which older sessions do not say.
    """
    a, b = (_lasting(record.model_dump()) for record in (one, other))
    unsaid = {key for key in ("served_model", "system_fingerprint") if b.get(key) is None}
    return [key for key in dict.fromkeys((*a, *b)) if a.get(key) != b.get(key) and key not in unsaid]


def _lasting(data: dict[str, object]) -> dict[str, object]:
    members = data.get("member", ())
    assert isinstance(members, tuple)
    once = dict.fromkeys(("at", "load_ms", "prefix_kept", "plain_text"))
    return {**data, **once, "member": tuple(_lasting(member) for member in members)}


def arm_record(arm: Arm) -> AnyArmRecord | None:
    """What the session says of an arm; None before it was ready."""
    info, spec = arm.state.info, arm.spec
    now = datetime.now(UTC)
    if isinstance(info, ArmInfo) and isinstance(spec, ArmSpec):
        return ArmRecord(
            **_shared(info, ArmRecord),
            at=now,
            kind="gguf",
            model_file=str(spec.model),
            device=info.device,
            router_file=str(spec.router) if spec.router else None,
            parse=spec.parse,
            name=spec.name,
        )
    if isinstance(info, BaselineInfo):
        members = arm.members if isinstance(arm, MembersArm) else ()
        told = _shared(info, BaselineRecord) | {
            "at": now,
            "kind": "baseline",
            "source_file": info.source_file and short_path(Path(info.source_file)),
            "member": tuple(filter(None, map(arm_record, members))),
            "name": spec.name,
        }
        return BaselineRecord.model_validate(told)
    if isinstance(info, RemoteInfo):
        return RemoteRecord.model_validate(_shared(info, RemoteRecord) | {"at": now})
    return None


def _shared(info: Info, record: type[Record]) -> dict[str, Any]:
    """What the record takes from the info as it is."""
    return info.model_dump(include=set(record.model_fields))


def new_header(
    materials: Materials,
    settings: Settings | None = None,
    repeats: int | None = None,
    title: str | None = None,
) -> Header:
    """The header of a new session; without settings and repeats that of one in which nothing is asked."""
    now = datetime.now(UTC)
    corpus = None
    if materials.corpus is not None and materials.corpus_path is not None:
        corpus = pin_corpus(materials.corpus, materials.corpus_path)
    return Header(
        id=f"{now:%Y%m%dT%H%M%S.%fZ}",
        created=now,
        lab_version=__version__,
        title=title,
        machine=machine(),
        schedule=settings.schedule if settings else None,
        repeats=repeats,
        corpus=corpus,
        taxonomy=pin_taxonomy(materials.taxonomy, materials.taxonomy_path),
    )
