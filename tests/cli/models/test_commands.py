"""The models commands and doctor: what they print, where, and how they end."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import gguf
import numpy as np
import pytest
import tomli_w
import typer
from typer.testing import CliRunner

from routerlab import resources
from routerlab.cli.doctor import doctor
from routerlab.cli.models import progress as models_progress
from routerlab.cli.models.commands import app
from routerlab.core.errors import Exit, LabError
from routerlab.engine.worker import build
from routerlab.models import pull as pulling
from routerlab.models.devices import Device
from routerlab.models.progress import Progress, StoppedError
from routerlab.models.quantize import Origin, origin_file
from tests.engine.tiny import TEMPLATES

CATALOG = """schema_version = 1
[[model]]
id = "tiny"
name = "Tiny"
file = "tiny.gguf"
size = {size}
sha256 = "{sha}"
license = "MIT"
parameters = "64"
quantization = "F32"
starter = true
[[model.source]]
kind = "hub"
repo = "who/tiny"
file = "tiny.gguf"

[[model]]
id = "terms"
name = "With Terms"
file = "terms.gguf"
license = "Gemma"
license_url = "https://example.org/terms"
accept = true
parameters = "1M"
quantization = "F32"
[[model.source]]
kind = "hub"
repo = "who/terms"
file = "terms.gguf"
"""


def write(path: Path, name: str = "Tiny", template: str | None = None) -> Path:
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(name)
    if template:
        w.add_chat_template(template)
    w.add_block_count(1)
    w.add_tensor("t", np.ones(64, dtype=np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return path


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty lab folder with its own catalogue; returns its models folder."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    content = write(tmp_path / "content").read_bytes()
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(CATALOG.format(size=len(content), sha=hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(resources, "CATALOG", catalog)
    lab = tmp_path / "lab"
    (lab / "models").mkdir(parents=True)
    monkeypatch.chdir(lab)
    return lab / "models"


def run(*words: str, stdin: str | None = None) -> tuple[str, str]:
    """stdout and stderr of a command that must end well; its LabError otherwise."""
    result = CliRunner().invoke(app, words, input=stdin)
    if isinstance(result.exception, LabError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_list(models: Path) -> None:
    write(models / "tiny.gguf")
    write(models / "my own.gguf", "Evil \x1b[31m[bold]")
    (models / "broken.gguf").write_bytes(b"GGUF")
    (models / ".partial" / "terms").mkdir(parents=True)
    (models / ".partial" / "terms" / "x.whl").write_bytes(b"12345")
    out, err = run("list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "here *" in lines["tiny"]
    assert "partial" in lines["terms"]
    assert "damaged" in lines["broken"]
    assert "my own" in out
    assert "\x1b" not in out
    assert err == ""
    rows = {r["id"]: r for r in json.loads(run("list", "--format", "json")[0])}
    assert rows["tiny"]["state"] == "here"
    assert rows["terms"]["partial_bytes"] == 5
    assert rows["my own"]["in_catalog"] is False
    assert rows["my own"]["notes"] == "Evil \x1b[31m[bold]"


def test_list_tells_a_file_of_the_wrong_size(models: Path) -> None:
    (models / "tiny.gguf").write_bytes(write(models / "x.gguf").read_bytes()[:-1])
    assert "damaged" in run("list")[0]


def test_list_says_from_what_a_file_was_made(models: Path) -> None:
    source, made = write(models / "tiny.gguf"), write(models / "tiny.Q8_0.gguf", "Other")
    origin = Origin(
        source=source.name,
        source_sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
        source_quantization="F32",
        quantization="Q8_0",
        sha256="0" * 64,
        library="llama.cpp",
        created=datetime.now(UTC),
    )
    origin_file(made).write_text(tomli_w.dumps(origin.model_dump()))
    row = {r["id"]: r for r in json.loads(run("list", "--format", "json")[0])}["tiny.Q8_0"]
    assert (row["notes"], row["license"], row["in_catalog"]) == ("made from tiny", "MIT", False)
    origin_file(made).write_text("source = 3")
    assert "damaged" in run("list")[0]


def test_info(models: Path) -> None:
    path = write(models / "tiny.gguf", "Evil \x1b[31m[bold]")
    out, _ = run("info", "tiny")
    assert "Evil \\x1b[31m[bold]" in out
    assert "none: a base model, asked in plain text" in out
    data = json.loads(run("info", str(path), "--format", "json")[0])
    assert data["parameters"] == 64
    assert data["architecture"] == "llama"
    assert data["memory"]["total"] > 0


def test_info_says_how_a_chat_template_is_used(models: Path) -> None:
    path = write(models / "tiny.gguf", template="{{ raise_exception('not \x1b today') }}")
    said = r"not used, plain text stands in: its chat template fails: not \x1b today"
    assert json.loads(run("info", str(path), "--format", "json")[0])["template_use"] == said


def test_an_endless_chat_template_is_told() -> None:
    assert build.describe_template(TEMPLATES["endless product"], 0.3) == (
        "refused when it is loaded: it runs longer than 0.3 s"
    )


def test_info_of_what_is_no_model(models: Path) -> None:
    (models / "zip.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(LabError, match="not a GGUF file"):
        run("info", "zip")
    with pytest.raises(LabError, match="models pull terms") as e:
        run("info", "terms")
    assert e.value.code == Exit.MISSING


def test_verify(models: Path) -> None:
    with pytest.raises(LabError, match="no models here") as e:
        run("verify")
    assert e.value.code == Exit.MISSING
    write(models / "tiny.gguf")
    write(models / "own.gguf")
    recorded = write(models / "recorded.gguf")
    digest = hashlib.sha256(recorded.read_bytes()).hexdigest()
    pulling.sidecar(recorded).write_text(f"{digest}  recorded.gguf\n")
    out, _ = run("verify")
    assert "ok (catalogue)" in out
    assert "ok (recorded beside it)" in out
    assert "no hash to compare with" in out
    write(models / "tiny.gguf", "Tinx")
    with pytest.raises(LabError, match="does not match: tiny") as e:
        run("verify", "tiny")
    assert e.value.code == Exit.CHECK_FAILED
    recorded.write_bytes(b"GGUFx")
    with pytest.raises(LabError, match=r"does not match: recorded\.gguf"):
        run("verify", "recorded")


def test_verify_does_not_trust_the_cache(models: Path) -> None:
    path = write(models / "tiny.gguf")
    run("verify")
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # a bit that rotted: same size, same time, same inode
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(LabError, match="does not match"):
        run("verify")


def test_rm(models: Path, tmp_path: Path) -> None:
    path = write(models / "tiny.gguf")
    pulling.sidecar(path).write_text("x")
    with pytest.raises(LabError, match=r"would remove models/tiny.gguf .*--yes") as e:
        run("rm", "tiny")
    assert e.value.code == Exit.USAGE
    assert path.exists()
    _, err = run("rm", "tiny", "--yes")
    assert "removed models/tiny.gguf" in err
    assert not path.exists()
    assert not pulling.sidecar(path).exists()
    with pytest.raises(LabError, match="is not here"):
        run("rm", "tiny", "--yes")
    outside = write(tmp_path / "outside.gguf")
    with pytest.raises(LabError, match="not in a model folder"):
        run("rm", str(outside), "--yes")
    assert outside.exists()


def test_rm_of_an_unfinished_pull(models: Path) -> None:
    work = models / ".partial" / "terms"
    work.mkdir(parents=True)
    (work / "x.whl").write_bytes(b"12345")
    _, err = run("rm", "terms", "--yes")
    assert "the unfinished pull of terms (5 B)" in err
    assert not work.exists()


def test_pull_checks_before_it_downloads(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> Path:
        raise AssertionError("must not download")

    monkeypatch.setattr(pulling, "pull", never)
    with pytest.raises(LabError, match=r"tyni is not in the catalogue \(closest: tiny\)") as e:
        run("pull", "tiny", "tyni")
    assert e.value.code == Exit.USAGE
    with pytest.raises(
        LabError, match=r"read the terms at https://example\.org/terms, then accept them with --yes"
    ):
        run("pull", "tiny", "terms")


def test_pull_prints_paths_and_goes_on_after_a_failure(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(entry: object, folder: Path, report: object, cancel: object) -> Path:
        if getattr(entry, "id", "") == "terms":
            raise LabError("terms could not be pulled. the hub: down", Exit.MISSING)
        return folder / "tiny.gguf"

    monkeypatch.setattr(pulling, "pull", fake)
    assert run("pull", "tiny")[0] == "models/tiny.gguf\n"
    result = CliRunner().invoke(app, ["pull", "terms", "tiny", "--yes"])
    assert isinstance(result.exception, LabError)
    assert result.exception.code == Exit.MISSING
    assert "not pulled: terms" in str(result.exception)
    assert result.stdout == "models/tiny.gguf\n"
    assert "the hub: down" in result.stderr


def test_ctrl_c(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(pulling, "pull", interrupted)
    with pytest.raises(StoppedError, match="what was downloaded is kept") as e:
        run("pull", "tiny")
    assert e.value.code == Exit.INTERRUPTED


def test_plain_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 1.0, 5.0, 6.0, 10.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with models_progress.Narrator() as narrator:
        narrator.report(Progress("note", "trying [the hub]"))
        for done in (100, 150, 200, 250, 300):
            narrator.report(Progress("download", "downloading", done * 1_000_000, 400_000_000))
    assert capsys.readouterr().err.splitlines() == [
        "trying [the hub]",
        "downloading: 200.0 MB of 400.0 MB (50%), 20.0 MB/s, 5 s so far, about 10 s left",
        "downloading: 300.0 MB of 400.0 MB (75%), 20.0 MB/s, 10 s so far, about 5 s left",
    ]


@pytest.mark.parametrize("command", ["list", "pull", "verify", "info", "rm"])
def test_help_has_an_example(command: str) -> None:
    assert "Example" in run(command, "--help")[0]


def test_doctor(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Device(name="CPU", description="a CPU", kind="cpu", memory_total=10**9, memory_free=10**8)
    info = build.BuildInfo(version="0.3.36", gpu=False, system_info="AVX2 = 1", devices=(cpu,))
    monkeypatch.setattr(build, "describe_build", lambda: info)
    write(models / "tiny.gguf")
    lab = typer.Typer()
    lab.command()(doctor)
    out = CliRunner().invoke(lab, []).stdout
    for said in (
        "0.3.36",
        "AVX2",
        "CPU: a CPU (cpu, 100.0 MB of 1.0 GB free)",
        "-DGGML_CUDA=on",
        "tiny",
        "usable",
    ):
        assert said in out
    data = json.loads(CliRunner().invoke(lab, ["--format", "json"]).stdout)
    assert data["build"]["devices"][0]["name"] == "CPU"
    assert data["models"][0]["name"] == "tiny"
    assert data["terminal"]["tty"] is False


@pytest.mark.parametrize(
    ("free", "where"),
    [(10**10, "m (448 B), on CUDA0: models/m.gguf"), (150 << 20, "on CPU:"), (None, "m.gguf needs about")],
)
def test_doctor_tells_where_a_model_would_go(
    models: Path, monkeypatch: pytest.MonkeyPatch, free: int | None, where: str
) -> None:
    """`free` bytes on the GPU; None: there is none, and no memory in the machine either."""
    cpu = Device(name="CPU", description="a CPU", kind="cpu", memory_total=10**9, memory_free=10**8)
    gpu = Device(name="CUDA0", description="a GPU", kind="gpu", memory_total=10**11, memory_free=free or 0)
    devices = (cpu, gpu) if free else (cpu,)
    info = build.BuildInfo(version="1", gpu=free is not None, system_info="", devices=devices)
    monkeypatch.setattr(build, "describe_build", lambda: info)
    if free is None:
        monkeypatch.setattr("routerlab.models.memory.available_memory", lambda: 0)
    write(models / "m.gguf")
    monkeypatch.setenv("COLUMNS", "80")
    lab = typer.Typer()
    lab.command()(doctor)
    out = CliRunner().invoke(lab, []).stdout
    assert where in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
    assert ("--device NAME" in out) == (free is not None)
    (model,) = json.loads(CliRunner().invoke(lab, ["--format", "json"]).stdout)["models"]
    assert (model["goes_on"] is None) == (free is None)


def test_doctor_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> build.BuildInfo:
        raise LabError("llama-cpp-python cannot be loaded: no module", Exit.MISSING)

    monkeypatch.setattr(build, "describe_build", broken)
    lab = typer.Typer()
    lab.command()(doctor)
    result = CliRunner().invoke(lab, [])
    assert result.exit_code == 0
    assert "cannot be loaded" in result.stdout
