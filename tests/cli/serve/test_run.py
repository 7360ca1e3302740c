"""`routerlab serve` as a program: what it refuses, and a day at the door with a real model, until SIGTERM."""

import asyncio
import os
import signal
from pathlib import Path

import httpx2
import pytest

from routerlab.core.session.file import read_session
from routerlab.serve.run import TOKEN as VARIABLE
from tests import program
from tests.conftest import PATIENCE_S
from tests.engine.remote.server import KEY, KEY_ENV, serving
from tests.serve.chat.tables import table
from tests.serve.harness import PROMPT, TOKEN

PROBE = "smollm2-135m:probe"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--router", "nothing", "--port", "0"], 3, "nothing: no model of this name"),
        (["--router", "control", "--host", "0.0.0.0"], 3, f"set {VARIABLE} to at least 16 characters"),
        (["--router", "control", "--redact", "nowhere:f"], 2, "--redact nowhere:f: no such function"),
        (["--router", "control", "--redact", "math:pi"], 2, "--redact math:pi: is no function"),
        (["--router", "control", "--max-body", "inf"], 2, "'--max-body'"),
        (["--router", "control", "--routes", "a=x", "--routes", "a=y"], 2, "VARIANT=FILE once"),
        (["--router", "control", "--port", "0", "--routes", "none.toml"], 2, "none.toml: no such file"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(
    tmp_path: Path, words: list[str], code: int, says: str
) -> None:
    found = program.run(tmp_path, "serve", *words)
    assert found.returncode == code
    errors = [line for line in found.stderr.splitlines() if not line.startswith("loading ")]
    assert len(errors) == 1
    assert says in errors[0]
    assert found.stdout == ""


def test_without_the_library_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "starlette.py").write_text("raise ModuleNotFoundError('no', name='starlette')")
    path = os.pathsep.join(filter(None, (str(tmp_path / "hidden"), os.environ.get("PYTHONPATH"))))
    # Started, for what tests fork has it imported.
    found = program.started(tmp_path, "serve", "--router", "control", env={**os.environ, "PYTHONPATH": path})
    _, said = found.communicate(timeout=PATIENCE_S)
    assert said == "error: serving needs starlette: pip install 'routerlab[serve]'\n"
    assert found.returncode == 3


async def test_a_day_at_the_door(
    routed_smollm2: Path, tmp_path: Path, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real model decides, alone and together; a chat goes on to a model on loopback; a table is reloaded;
    a request that is open at SIGTERM is answered; and nothing secret was written."""
    monkeypatch.setenv(KEY_ENV, KEY)
    sessions, path = tmp_path / "sessions", tmp_path / "routes.toml"
    async with serving() as model:
        table(path, {"large": (3, "api", model)})
        words = ("--router", PROBE, "--routes", path, "--sessions", sessions, "--concurrency", 8)
        cpu = ("--threads", 1, "--layers", 0)
        where = routed_smollm2.parent.parent
        async with program.serving(where, "serve", *words, *cpu, **{VARIABLE: TOKEN}) as (
            process,
            url,
        ):
            assert process.stderr is not None
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S) as client:

                async def route(prompt: str) -> httpx2.Response:
                    return await client.post("/v1/route", json={"prompt": prompt})

                alone = (await route("write a regex for ISO dates")).json()
                assert (alone["label"], alone["target"]) == ("code/simple", "large")
                many = await asyncio.gather(*(route(f"{PROMPT} {n}") for n in range(6)))
                assert {m.status_code for m in many} == {200}
                chat = {"model": "auto", "messages": [{"role": "user", "content": PROMPT}]}
                answer = await client.post("/v1/chat/completions", json=chat)
                assert (answer.status_code, answer.headers["x-routerlab-target"]) == (200, "large")
                assert model.asked[0].json["model"] == "large-2026"
                assert (await client.get("/ready", headers={"Authorization": ""})).status_code == 200

                good = path.read_text()
                path.write_text("nothing")
                process.send_signal(signal.SIGHUP)
                said = [await asyncio.wait_for(process.stderr.readline(), PATIENCE_S) for _ in range(2)]
                assert said[1].startswith(b"not reloaded: ")
                path.write_text(good)
                process.send_signal(signal.SIGHUP)
                assert await asyncio.wait_for(process.stderr.readline(), PATIENCE_S) == (
                    f"reloaded: {PROBE}\n".encode()
                )

                asked = asyncio.create_task(route("word " * 400))
                while "routerlab_queue 1.0" not in (await client.get("/metrics")).text:
                    assert not asked.done()
                process.send_signal(signal.SIGTERM)
                assert (await asked).status_code == 200
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
            assert process.returncode == 0
    (written,) = sessions.glob("*.toml")
    trials = read_session(written).session.trials
    assert len(trials) == 9
    assert max(trial.together or 1 for trial in trials) > 1
    assert {trial.target for trial in trials} == {"large"}
    logs = [p.read_text(errors="replace") for p in own_folders.rglob("*.log")]
    assert logs
    for secret in (KEY, TOKEN, "Zanzibar"):
        assert secret not in "".join([written.read_text(), *logs, (out + err + b"".join(said)).decode()])
