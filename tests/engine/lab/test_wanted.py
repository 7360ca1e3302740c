"""A router says which file it wants; `models pull` makes it, and the lab takes what was made alike."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest
import tomli_w

from routerlab import resources
from routerlab.core.errors import Exit, LabError
from routerlab.core.files.toml import canonical_sha256
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.router import Cascade, FilePin, MadeFrom, Router, load_router
from routerlab.engine.lab.specs import arm_spec, router_spec
from routerlab.engine.lab.wanted import Wanted, get, wanted
from routerlab.models.catalog import load_catalog
from routerlab.models.fingerprint import hash_file
from routerlab.models.progress import Progress
from routerlab.models.quantize import load_origin, origin_file, quantize
from routerlab.tune.write import save_toml
from tests.conftest import PATIENCE_S
from tests.engine.tuned import PROMPTS, Tuned, deep_model, factory, tuned_spec, write
from tests.engine.workers import running
from tests.models import harness
from tests.models.harness import alone, wheel

pytestmark = pytest.mark.usefixtures("alone")
__all__ = ["alone"]
SOURCE, MADE = "tiny.F32.gguf", "tiny.Q8_0.gguf"


@dataclass(frozen=True)
class Bench:
    """A tuned router, the file it was tuned on, the file that was made from, and a lab without either."""

    tuned: Tuned
    source: Path
    lab: Path

    @property
    def models(self) -> Path:
        return self.lab / "models"

    @property
    def router(self) -> Path:
        return self.lab / "routers" / "mine.toml"

    def here(self, *names: str) -> None:
        """Put the files of these names, and what is written beside them, into the lab."""
        for name in names:
            for path in self.source.parent.glob(f"{name}*"):
                shutil.copy(path, self.models / path.name)

    def changed(self, **update: object) -> None:
        """Pin the model otherwise."""
        router = load_router(self.router)
        assert isinstance(router, Router)
        save_toml(
            self.router, router.model_copy(update={"model": router.model.model_copy(update=dict(update))})
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuned, Path, Path]:
    """The router, the source, and a catalogue that has the source in a wheel."""
    folder = tmp_path_factory.mktemp("made")
    source = deep_model(folder / SOURCE)
    at = wheel(folder / "index", "tinywheel", {"tinywheel/data/part1.bin": source.read_bytes()})
    entry = harness.entry({"kind": "wheels", "packages": ["tinywheel==1.0"], "members": "*/part1.bin"})
    told = {"file": SOURCE, "sha256": hash_file(source), "size": source.stat().st_size}
    catalog = folder / "catalog.toml"
    row = entry.model_dump(exclude_none=True) | told
    catalog.write_text(tomli_w.dumps({"schema_version": 1, "model": [row]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "CATALOG", catalog)
        path, _ = quantize(source, "Q8_0", None, lambda _: None)
        return write(path, folder / "mine.toml"), source, at.parent


@pytest.fixture
def bench(made: tuple[Tuned, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    tuned, source, index = made
    monkeypatch.setattr(resources, "CATALOG", source.with_name("catalog.toml"))
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    lab = tmp_path / "lab"
    for folder in ("models", "routers"):
        (lab / folder).mkdir(parents=True)
    for name in ("mine.toml", "mine.npz", "mine.oof.npz"):
        shutil.copy(tuned.path.with_name(name), lab / "routers" / name)
    monkeypatch.chdir(lab)
    return Bench(tuned, source, lab)


def only(text: str) -> Wanted:
    (want,) = wanted(text)
    return want


def test_tuning_writes_how_the_file_was_made(bench: Bench) -> None:
    pin = bench.tuned.router.model
    assert (pin.file, pin.id, pin.quantization) == (MADE, None, "Q8_0")
    assert pin.made_from == MadeFrom(
        file=SOURCE, sha256=hash_file(bench.source), id="tiny", quantization="F32"
    )


def test_what_is_missing_says_how_it_is_made(bench: Bench) -> None:
    size = f"{bench.source.stat().st_size / 1000:.1f} kB"
    with pytest.raises(LabError) as e:
        arm_spec("mine:probe", "score")
    assert e.value.code == Exit.MISSING
    assert str(e.value) == (
        f"{MADE} is not here: `routerlab models pull mine:probe` makes it "
        f"(pulls tiny, {size}, and quantizes it to Q8_0)"
    )
    bench.here(SOURCE)
    with pytest.raises(LabError, match=r"\(quantizes tiny to Q8_0\)"):
        arm_spec("mine:probe", "score")
    elsewhere = bench.router.rename(bench.lab / "mine.toml")
    with pytest.raises(LabError, match=r"models pull mine\.toml` makes it"):
        router_spec(Path(elsewhere.name))
    assert arm_spec("tiny:json", "score").model.name == SOURCE


def test_a_source_that_is_in_no_catalogue_is_named(bench: Bench) -> None:
    pin = bench.tuned.router.model
    assert pin.made_from is not None
    bench.changed(made_from=pin.made_from.model_copy(update={"id": None}))
    with pytest.raises(LabError, match=r"models quantize tiny\.F32\.gguf --to q8_0` makes it"):
        arm_spec("mine:probe", "score")
    with pytest.raises(LabError, match=r"tiny\.Q8_0\.gguf, made from tiny\.F32\.gguf, .* in no catalogue"):
        wanted("mine:probe")


def test_it_is_pulled_and_made_once(bench: Bench) -> None:
    told: list[Progress] = []
    want = only("mine:probe")
    path = get(want, Path("models"), told.append)
    assert arm_spec("mine:probe", "score").model == path == Path("models") / MADE
    assert hash_file(path) == bench.tuned.router.model.sha256
    assert {"assemble", "quantize"} <= {p.stage for p in told}
    told.clear()
    before = path.stat().st_mtime_ns
    assert get(want, Path("models"), told.append) == path
    assert path.stat().st_mtime_ns == before
    assert [p.text for p in told] == [f"{MADE} is already here: {path}"]


def test_everything_that_names_the_router_wants_its_file(bench: Bench) -> None:
    member = FilePin(file="mine.toml", sha256=canonical_sha256(load_router(bench.router)))
    router = bench.tuned.router
    cascade = Cascade(
        name="two",
        contract="cascade",
        rule="confidence",
        thresholds=(0.5,),
        member=(member, member),
        **router.model_dump(include={"created", "taxonomy", "taxonomy_sha256", "evidence"}),
    )
    save_toml(bench.router.with_name("two.toml"), cascade)
    made = only("mine:probe")
    assert made.pin == router.model
    for text in ("mine", "routers/mine.toml", "two:cascade", "routers/two.toml"):
        assert set(wanted(text)) == {made}
    assert only("tiny") == only("tiny:json") == only("tiny:score") == Wanted(load_catalog().model[0])
    with pytest.raises(LabError, match=r"mone is not in the catalogue \(closest: mine\)"):
        wanted("mone")


def test_a_source_that_has_changed_is_refused(bench: Bench) -> None:
    pin = bench.tuned.router.model
    assert pin.made_from is not None
    bench.changed(made_from=pin.made_from.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(LabError, match=r"another tiny\.F32\.gguf than the router's model was made from"):
        get(only("mine:probe"), bench.models, lambda _: None)
    assert not list(bench.models.glob("*.gguf"))


def test_of_two_at_once_one_waits_for_the_other(bench: Bench) -> None:
    bench.here(SOURCE)
    (bench.models / ".partial").mkdir()
    waits = threading.Event()
    found: list[Path] = []

    def told(p: Progress) -> None:
        if "waiting for it" in p.text:
            waits.set()

    other = threading.Thread(
        target=lambda: found.append(get(only("mine:probe"), bench.models, told)), daemon=True
    )
    with filelock.FileLock(bench.models / ".partial" / f"{MADE}.lock"):
        other.start()
        assert waits.wait(PATIENCE_S)
        bench.here(MADE)
        before = (bench.models / MADE).stat().st_mtime_ns
    other.join(PATIENCE_S)
    assert found == [bench.models / MADE]
    assert found[0].stat().st_mtime_ns == before


def otherwise(bench: Bench, **update: str) -> Path:
    """The made file with its last byte changed, as another CPU's rounding would, and its origin `update`d."""
    bench.here(MADE)
    path = bench.models / MADE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    origin = load_origin(path)
    assert origin is not None
    told = origin.model_dump() | {"sha256": hash_file(path)} | update
    origin_file(path).write_text(tomli_w.dumps(told))
    return path


async def test_other_bytes_of_the_same_making_are_taken_and_told(bench: Bench) -> None:
    path = otherwise(bench)
    told: list[Progress] = []
    assert get(only("mine:probe"), bench.models, told.append) == path
    assert told[-1].text.endswith("its bytes differ from those tuned on")
    arm = factory()(tuned_spec(bench.tuned, bench.router, path))
    assert isinstance(arm, ModelArm)
    async with running(arm) as arm:
        assert arm.state.phase == "ready", arm.state.message
        assert arm.state.info is not None
        assert arm.state.info.note == (
            f"{MADE} was made here from the same source; its bytes differ from those tuned on"
        )
        assert (await arm.ask(PROMPTS[0], PATIENCE_S)).status == "ok"


@pytest.mark.parametrize(
    "update", [{"source_sha256": "0" * 64}, {"quantization": "Q4_0"}, {"sha256": "0" * 64}]
)
async def test_what_was_made_otherwise_is_refused(bench: Bench, update: dict[str, str]) -> None:
    path = otherwise(bench, **update)
    bench.here(SOURCE)
    with pytest.raises(LabError, match="is there, and was not made from this file"):
        get(only("mine:probe"), bench.models, lambda _: None)
    arm = factory()(tuned_spec(bench.tuned, bench.router, path))
    assert isinstance(arm, ModelArm)
    async with running(arm) as arm:
        assert arm.state.phase == "failed"
        assert "was tuned for other weights" in arm.state.message
