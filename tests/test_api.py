"""The Python door: the answers of the commands, from threads, loops and notebooks; and no worker stays."""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import routerlab
from routerlab import Decision, LabError, Router, load_async_router, load_router
from tests import program
from tests.conftest import PATIENCE_S, REPO
from tests.proc import alive

PROMPTS = [
    "write a regex for ISO dates",
    "Why is the sky blue?",
    "Design a plugin system with tests, in a repo",
]
ROUTER = REPO / "routers" / "smollm2-135m.toml"


@pytest.fixture(scope="module")
def models(routed_smollm2: Path) -> Iterator[None]:
    """The shipped router finds its weights by their name in the folder of models."""
    here = Path.cwd()
    os.chdir(routed_smollm2.parent.parent)
    yield
    os.chdir(here)


@pytest.fixture(scope="module")
def router(models: None) -> Iterator[Router]:
    with load_router("smollm2-135m:probe") as r:
        yield r


def pid_of(router: Router) -> int:
    pid = router._inner._arm.state.pid
    assert pid is not None
    return pid


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_importing_the_package_loads_nothing() -> None:
    script = (
        "import sys, routerlab; routerlab.__version__; dir(routerlab); "
        "print(sorted({'numpy', 'textual', 'pydantic', 'typer', 'llama_cpp', 'asyncio'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_its_names_are_there_and_no_others() -> None:
    assert set(routerlab.__all__) <= set(dir(routerlab))
    assert all(hasattr(routerlab, name) for name in routerlab.__all__)
    assert (Path(routerlab.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        routerlab.nothing  # noqa: B018


def test_a_decision_is_that_of_the_command(router: Router) -> None:
    decision = router.route(PROMPTS[0])
    words = ("route", PROMPTS[0], "--arm", "smollm2-135m:probe", "--format", "json")
    run = program.run(REPO, *words)
    told = json.loads(run.stdout)
    assert (decision.status, decision.label, decision.arm) == ("ok", told["label"], told["arm"])
    assert decision.probabilities == told["probabilities"]
    assert decision.tokens.model_dump() == told["tokens"]
    assert decision.label in router.labels
    assert decision.probability == max((decision.probabilities or {}).values())
    assert sum((decision.probabilities or {}).values()) == pytest.approx(1.0, abs=1e-6)
    assert 0 < decision.latency_ms.prefill < decision.latency_ms.total
    assert decision.ok
    assert str(decision).startswith(f"code/simple {decision.probability:.2f}, ")
    assert Decision.model_validate(json.loads(json.dumps(decision.to_dict()))) == decision


def test_many_come_in_order_one_by_one_and_together(router: Router) -> None:
    told: list[tuple[int, int]] = []
    singles = router.route_many(PROMPTS, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [d.label for d in singles] == [router.route(p).label for p in PROMPTS]
    many = router.route_many(PROMPTS * 6, throughput=True)
    assert [d.label for d in many] == [d.label for d in singles] * 6
    assert all(d.batched for d in many)
    assert not any(d.batched for d in singles)
    assert router.route_many([]) == []


async def test_a_loop_of_its_own_goes_on_while_the_router_is_asked(router: Router) -> None:
    asked = [asyncio.create_task(router.route_async(prompt)) for prompt in PROMPTS * 2]
    asked[1].cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    labels = [d.label for d in await asyncio.to_thread(router.route_many, PROMPTS)] * 2
    for n in (0, 2, 3, 4, 5):
        one = found[n]
        assert isinstance(one, Decision)
        assert one.label == labels[n]


def test_threads_ask_at_once_and_wait_for_each_other(router: Router) -> None:
    found: dict[int, Decision] = {}

    def ask(n: int) -> None:
        found[n] = router.route(PROMPTS[n % 3])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [found[n].label for n in range(9)] == [d.label for d in router.route_many(PROMPTS)] * 3
    assert max(d.latency_ms.queue for d in found.values()) > min(d.latency_ms.total for d in found.values())


async def test_in_a_notebook_where_a_loop_runs_already(router: Router) -> None:
    assert asyncio.get_running_loop().is_running()
    assert router.route(PROMPTS[0]).label == "code/simple"


def test_a_worker_that_is_killed_is_replaced_and_the_next_question_waits_for_it(router: Router) -> None:
    before = pid_of(router)
    killer = threading.Timer(0.0, os.kill, (before, signal.SIGKILL))
    killer.start()
    decisions = [router.route(PROMPTS[0] + " again" * n) for n in range(3)]
    killer.join()
    assert {d.status for d in decisions} <= {"ok", "crashed"}
    until(lambda: router.route(PROMPTS[0]).ok and pid_of(router) != before)
    assert not alive(before)


async def test_the_async_twin_answers_alike_and_cancelling_stops_the_model(router: Router) -> None:
    expected = [d.probabilities for d in await asyncio.to_thread(router.route_many, PROMPTS)]
    async with load_async_router("smollm2-135m:probe") as twin:
        assert [d.probabilities for d in await asyncio.gather(*map(twin.route, PROMPTS))] == expected
        task = asyncio.create_task(twin.route("word " * 20_000))
        while twin._arm.state.phase != "busy":
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await twin.route(PROMPTS[0])).probabilities == expected[0]
        pid = twin._arm.state.pid
    assert pid is not None
    assert not alive(pid)
    with pytest.raises(LabError, match="the router was closed"):
        await twin.route("x")


def test_an_answer_that_cannot_be_read_is_a_decision_without_a_label(smollm2: Path) -> None:
    with load_router(smollm2, contract="json", timeout_s=100.0) as r:
        decision = r.route("hello")
    assert (decision.status, decision.label, decision.probability) == ("unparsed", None, None)
    assert decision.answer
    assert decision.tokens.generated > 0
    assert str(decision).startswith("unparsed, ")


def test_what_takes_too_long_is_told_and_not_raised(models: None) -> None:
    with load_router("smollm2-135m:json", timeout_s=0.0001) as r:  # it writes for a second
        decision = r.route(PROMPTS[2])
    assert decision.status == "timeout"
    assert "no answer in" in (decision.error or "")


def test_a_baseline_needs_no_model_and_closing_twice_is_fine() -> None:
    r = load_router("baseline:keywords")
    assert r.route("Write a Python function that reverses a list").label == "code/simple"
    r.close()
    r.close()
    with pytest.raises(LabError, match="keywords: the router was closed; load it again"):
        r.route("x")


@pytest.mark.parametrize(
    ("arm", "settings", "match"),
    [
        ("no-such-model", {}, "routerlab models list"),
        ("baseline:keywords", {"colour": "red"}, "load_router: no setting colour"),
        ("baseline:keywords", {"threads": 0}, "threads"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(arm: str, settings: dict[str, Any], match: str) -> None:
    with pytest.raises(LabError, match=match) as e:
        load_router(arm, **settings)
    assert "\n" not in str(e.value)


def test_a_file_that_is_no_model_is_an_error_and_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(50))
    with pytest.raises(LabError, match=r"broken\.gguf"):
        load_router(tmp_path / "broken.gguf")
    until(lambda: threading.active_count() <= before)


def test_one_that_is_forgotten_ends_its_worker(smollm2: Path) -> None:
    r = load_router(smollm2, exemplars="none")
    pid = pid_of(r)
    del r
    gc.collect()
    until(lambda: not alive(pid))


SCRIPT = """
import sys, routerlab
r = routerlab.load_router(sys.argv[1], exemplars="none")
print(r._inner._arm.state.pid, flush=True)
if sys.argv[2] == "end":
    sys.exit(0)
while True:
    r.route("word " * 200)
"""


@pytest.mark.parametrize(("how", "sent"), [("end", None), ("go", signal.SIGINT), ("go", signal.SIGKILL)])
def test_however_the_program_ends_no_worker_stays(
    smollm2: Path, tmp_path: Path, how: str, sent: signal.Signals | None
) -> None:
    command = [sys.executable, "-c", SCRIPT, str(smollm2), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        if sent:
            process.send_signal(sent)
        _, errors = process.communicate(timeout=PATIENCE_S)
    until(lambda: not alive(pid))
    assert (b"KeyboardInterrupt" in errors) == (sent == signal.SIGINT)
