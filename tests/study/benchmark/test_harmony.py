"""What arms have in common, what is not known of them, and what they have seen of the test."""

from pathlib import Path

import gguf
import pytest

from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.errors import Exit, LabError
from routerlab.core.session.arm import AnyArmRecord, ArmRecord, BaselineRecord
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.baseline import BaselineSpec
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.router import load_router
from routerlab.engine.worker.build import BuildInfo
from routerlab.models.fingerprint import hash_file
from routerlab.models.gguf_types import FILE_TYPES
from routerlab.resources import POOL, ROUTERS, ROUTING60
from routerlab.study.benchmark.harmony import (
    check_provenance,
    differences,
    leaks,
    quantization_class,
    weights,
)
from tests.core.session.harness import ARM, AT
from tests.engine import tiny
from tests.engine.asking import FRONT_DOOR

BUILD = BuildInfo(version="llama.cpp 1", gpu=False, system_info="", devices=())


# --- provenance -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("Q4_K_M", "4-bit"), ("Q4_1", "4-bit"), ("IQ4_XS", "4-bit"), ("MXFP4", "4-bit"), ("Q8_0", "8-bit"),
        ("BF16", "16-bit"), ("F16", "16-bit"), ("F32", "32-bit"), ("TQ1_0", "1-bit"), ("Q2_K_S", "2-bit"),
        ("type 99", None), ("", None), ("4-bit", None),
    ],
)  # fmt: skip
def test_a_class_is_about_how_many_bits_a_weight_has(name: str, bits: str | None) -> None:
    assert quantization_class(name) == bits


def test_every_type_that_the_lab_knows_has_a_class() -> None:
    assert [name for name in FILE_TYPES.values() if quantization_class(name) is None] == []


def model(path: Path) -> ArmSpec:
    return ArmSpec(name=path.stem, model=tiny.build(path))


def test_hashes_of_all_models_members_included(tmp_path: Path) -> None:
    one, two = model(tmp_path / "one.gguf"), model(tmp_path / "two.gguf")
    both = BaselineSpec(name="both", contract="agreement", members=(one, two))
    control = BaselineSpec(name="control", contract="none")
    found = check_provenance([one, both, control], BUILD)
    assert found == {spec.model: hash_file(spec.model) for spec in (one, two)}
    assert weights(both) == {"both/one": one.model, "both/two": two.model}


def unknown_types(path: Path) -> Path:
    """A model as a newer program would write it: file type and tensor types that this lab has never seen."""
    reader = gguf.GGUFReader(path, "r+")
    reader.fields["general.file_type"].parts[-1][0] = 999
    for tensor in reader.tensors:
        tensor.field.parts[4][0] = 99
    reader.data.flush()
    return path


def test_what_is_not_known_is_an_error_before_anything_is_run(tmp_path: Path) -> None:
    one = model(tmp_path / "one.gguf")
    assert check_provenance([one], BUILD)
    with pytest.raises(LabError, match=r"the version of llama.cpp is not known"):
        check_provenance([one], BUILD.model_copy(update={"version": " "}))
    unknown_types(one.model)
    with pytest.raises(LabError, match=r"one: .*one.gguf has an unknown quantization \(type 99\)") as caught:
        check_provenance([one], BUILD)
    assert caught.value.code == Exit.USAGE
    one.model.write_bytes(b"GGUF and then nothing")
    with pytest.raises(LabError, match="one: its provenance cannot be told: ") as caught:
        check_provenance([one], BUILD)
    assert caught.value.code == Exit.USAGE


# --- differences ------------------------------------------------------------------------------------------


def record(name: str, **more: object) -> ArmRecord:
    return ARM.model_copy(update={"name": name, "device": "CPU 92 MiB", **more})


def told(*records: AnyArmRecord) -> list[str]:
    return differences({r.name: r for r in records})


def test_arms_that_are_alike_differ_in_nothing() -> None:
    """In what is compared, the model and its contract, they may differ."""
    one, other = record("a"), record("b", quantization="Q4_K_M", device="CPU 1.0 GiB", contract="json")
    assert told(one, other) == []
    assert told() == []


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("quantization", "Q8_0", "quantization: 4-bit (a, c); 8-bit (b)"),
        ("threads", 1, "threads: 2 threads (a, c); 1 thread (b)"),
        ("llama_cpp", "b7001", "library: b7000 (a, c); b7001 (b)"),
        ("device", "CUDA0 1.0 GiB + CPU 70 MiB", "devices: CPU (a, c); CUDA0 + CPU (b)"),
    ],
)
def test_a_difference_names_the_arms(field: str, value: object, line: str) -> None:
    assert told(record("a"), record("b", **{field: value}), record("c")) == [line]


def test_members_of_a_baseline_count_and_baselines_without_do_not() -> None:
    member = record("m", threads=4)
    both = BaselineRecord(
        at=AT, kind="baseline", contract="agreement", member=(member,), load_ms=0.0, name="both"
    )
    control = BaselineRecord(at=AT, kind="baseline", contract="none", load_ms=0.0, name="control")
    assert told(record("a"), both, control) == ["threads: 2 threads (a); 4 threads (both/m)"]


# --- leaks ------------------------------------------------------------------------------------------------


def test_what_ships_has_seen_nothing_of_the_sixty() -> None:
    sixty = load_corpus(ROUTING60, FRONT_DOOR)
    assert leaks(everything(), sixty, ()) == []


def everything() -> list[ArmSpec | BaselineSpec]:
    tuned = ROUTERS / "smollm2-135m.toml"
    return [
        ArmSpec(name="tuned", model=Path("m.gguf"), contract="probe", router=tuned),
        ArmSpec(name="plain", model=Path("m.gguf")),
        BaselineSpec(name="most", contract="majority"),
        BaselineSpec(name="control", contract="none"),
    ]


def test_an_arm_that_is_tested_with_what_it_learned_is_named() -> None:
    pool = load_corpus(POOL, FRONT_DOOR)
    router = load_router(ROUTERS / "smollm2-135m.toml")
    lines = leaks(everything(), pool, ())
    assert "most: counts the labels of pool, which it is tested with" in lines
    if router.evidence.corpus_sha256 == pool.sha256:  # unless the pool has grown since
        assert "tuned: was tuned on pool, the corpus that it is tested with" in lines
    tested = Corpus(**{**pool.model_dump(), "case": pool.case[:3]})
    shots = [Exemplar(prompt=f"  {pool.case[0].prompt.upper()}\n", label="code/simple")]
    assert leaks([], tested, shots) == ["exemplars: 1 of them are cases of pool"]
