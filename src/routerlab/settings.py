"""The user's settings: one TOML file in the platform's config folder, every key optional."""

import getpass
import re
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from routerlab.core.errors import LabError
from routerlab.core.files.atomic import write_new
from routerlab.core.files.toml import line_numbers, load_toml, once, read_text, unless, validate
from routerlab.core.remote import Remote
from routerlab.paths import config_file

READ_ONLY = "ROUTERLAB_READ_ONLY"
"""Set in the environment of an app that may only show: tui/shared/readonly.py."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "annotator"


class Settings(BaseModel):
    """What `settings.toml` may hold; command-line options win over it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    theme: str = "textual-dark"
    """Theme of the app; any of Textual's, `ansi-dark` and `ansi-light` use the terminal's own colours."""

    arms: tuple[str, ...] = (
        "minilm:probe",
        "smollm2-135m:probe",
        "qwen2.5-coder-0.5b:probe",
        "qwen2.5-coder-0.5b:json",
    )
    """Arms the lab opens with when the command names none: catalogue ids, paths or routers. The rungs of a
    ladder: an encoder, a small and a larger language model, and the latter asked as in the study."""

    contract: Literal["json", "score"] = "score"
    """How arms are asked when neither the arm nor the command says."""

    schedule: Literal["exclusive", "parallel"] = "exclusive"
    """exclusive: arms take turns, so that latencies mean something; parallel: all at once, contended."""

    annotator: str = Field(default_factory=_user)
    """The name written with every annotation."""

    context: int = Field(default=4096, ge=256)
    """Context length in tokens (bounded by what the model was trained with)."""

    threads: int | None = Field(default=None, ge=1)
    """CPU threads a model may use; by default, as many CPUs as this process may run on. What is quickest
    here, `routerlab doctor --tune-threads` measures and writes."""

    concurrency: int = Field(default=1, ge=1, le=64)
    """Questions that a model decodes together when so many wait for it; each one's latency is the time until
    all of them are answered. 1: one after the other."""

    gpu_layers: int = Field(default=-1, ge=-1)
    """Layers to put on a GPU: -1 all that fit, 0 none (the devices are hidden)."""

    devices: tuple[str, ...] = ()
    """GPUs that models may use, by the names that `routerlab doctor` shows; ["cpu"] none, [] the best."""

    split: Literal["none", "layer", "row"] | None = None
    """How a model lies on several GPUs; by default on one if it fits there, else by layers."""

    prefix_cache_mb: int = Field(default=2048, ge=0)
    """MiB of decoded prefixes to keep on disk, so that models start quickly the second time; 0 keeps none."""

    abstain: float = Field(default=0.0, ge=0, le=1)
    """Familiarity below which a router abstains: at 0.02, 2 % of prompts like those that it was fitted for go
    to the default of a routing table (or to the next router of a cascade), and more of very short ones."""

    unsure: float = Field(default=0.0, ge=0, le=1)
    """Probability of the label below which it abstains, too."""

    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds an arm may take for one answer before it is stopped."""

    remote: tuple[Remote, ...] = ()
    """Models behind OpenAI-compatible endpoints, each a `[[remote]]`; its arm is `remote:NAME`."""

    keys: dict[str, str] = Field(default_factory=dict)
    """Key bindings by action id, for example `annotate_skip = "x"`."""

    @field_validator("remote")
    @classmethod
    def _are_distinct(cls, remotes: tuple[Remote, ...]) -> tuple[Remote, ...]:
        names = [remote.name for remote in remotes]
        unless((loc[1:], says) for loc, says in once("remote", "name", names, "two remotes are called {}"))
        return remotes


def load_settings(path: Path | None = None) -> Settings:
    """The settings file, or the defaults when there is none; LabError when it is not valid."""
    file = path or config_file()
    return load_toml(file, Settings) if file.exists() else Settings()


def set_threads(threads: int, path: Path | None = None) -> Path:
    """Put `threads` into the settings file and leave all else as it is, comments too; the file's path.

    Its line is changed, or else put before all others, where no table has begun. LabError when the file is
    not valid, or cannot be written.
    """
    file = path or config_file()
    try:
        text = ""
        if file.exists():
            load_settings(file)
            text = read_text(file)
        lines = text.split("\n")
        if at := line_numbers(text).get(("threads",)):
            lines[at - 1] = re.sub(r"=\s*[^\s#]+", f"= {threads}", lines[at - 1], count=1)
        else:
            lines.insert(0, f"threads = {threads}")
        _write(file, "\n".join(lines))
    except OSError as e:
        raise LabError(f"{file}: cannot be written: {e.strerror}") from None
    return file


def add_table(table: str, path: Path | None = None) -> Path:
    """Put a table behind all that the settings file has, and leave that as it is; the file's path.

    LabError when the file is not valid, or would not be with it, or cannot be written.
    """
    file = path or config_file()
    text = ""
    if file.exists():
        load_settings(file)
        text = read_text(file)
    text += ("\n" if text.endswith("\n") else "\n\n" if text else "") + table
    try:
        data = tomllib.loads(text)
    except ValueError as e:
        raise LabError(f"{file}: no table can be added: {e}") from None
    validate(file, Settings, data, text)
    try:
        _write(file, text)
    except OSError as e:
        raise LabError(f"{file}: cannot be written: {e.strerror}") from None
    return file


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_new(file.resolve(), text.encode())  # behind a link, if it is one
