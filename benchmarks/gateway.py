"""What a decision costs behind LiteLLM's proxy, and how often it is right.

python -m benchmarks.gateway MODEL.gguf JUDGE.gguf [--cases N] [--minutes M] [--out FILE]: for each way of
deciding a proxy is started, and N cases of routing60 (24 by default, as many of each label) are asked three
times, in turn: MODEL itself, the proxy by the model's name, its Auto Router; a way stops after M minutes (3).
Times are from the request to the first token, and only their ratios within a run mean anything. JUDGE is the
model behind LiteLLM's LLM classifier, held to the labels by a grammar. Prints the table of docs/litellm.md.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import yaml

from benchmarks.common import ROOT, setup, spread
from routerlab.bench.peers.heuristics import TIERS
from routerlab.core.corpus import Case
from routerlab.core.files.atomic import write_new
from routerlab.core.statistics.intervals import wilson
from routerlab.engine.worker.build import machine
from tests.integrations import harness

ROUTER = "smollm2-135m:probe"
TOKENS = 2
REQUEST_S = 300.0
Config = dict[str, Any]
WAYS = ("heuristic", "in process", "at serve", "oss_classifier at serve", "llm")


def router_of(way: str, page: list[str], address: str) -> Config:
    """The Auto Router's configuration, as docs/litellm.md has it."""
    custom, decisions = (
        yaml.safe_load(text)["model_list"][0]["litellm_params"]["complexity_router_config"] for text in page
    )
    if way == "heuristic":
        return {"classifier_type": "heuristic", "tiers": dict.fromkeys(TIERS, "model")}
    config: Config = decisions if way.startswith("oss") or way == "llm" else custom
    config["tiers"] = dict.fromkeys(config["tiers"], "model")
    if way == "llm":
        del config["opensource_classifier_config"]
        config |= {"classifier_type": "llm", "classifier_llm_config": {"model": "judge", "timeout_ms": 60000}}
    elif way.startswith("oss"):
        config["opensource_classifier_config"] |= {"api_base": address, "timeout_ms": 60000}
    else:
        config["classifier_plugin_timeout_ms"] = 60000
    return config


def grammar(labels: tuple[str, ...]) -> str:
    """A GBNF grammar of the objects that LiteLLM reads."""
    objects = [json.dumps({"tier": label}, separators=(",", ":")) for label in labels]
    return "root ::= " + " | ".join(map(json.dumps, objects))


def answer(client: httpx2.Client, url: str, model: str, prompt: str) -> tuple[float, httpx2.Headers]:
    """Milliseconds to the first token of a streamed answer, which is read to its end, and its headers."""
    body: Config = {"model": model, "stream": True, "max_tokens": TOKENS}
    body["messages"] = [{"role": "user", "content": prompt}]
    began, first = time.perf_counter(), None
    with client.stream("POST", url, json=body) as reply:
        reply.raise_for_status()
        for line in reply.iter_lines():
            if first is None and line.startswith("data: {") and '"content"' in line:
                first = (time.perf_counter() - began) * 1000.0
    return first or (time.perf_counter() - began) * 1000.0, reply.headers


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """`routerlab serve`: its address."""
    port = harness.free_port()
    words = ["serve", "--router", ROUTER, "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "routerlab", *words]
    with harness.program(command, folder / "serve.log", f"{url}/ready", ROOT, {}):
        yield url


def chosen(cases: Sequence[Case], labels: Sequence[str], count: int) -> list[Case]:
    """About so many, as many of each label, in an order that is the same each time and mixes them."""
    each = max(1, count // len(labels))
    found = [case for label in labels for case in [c for c in cases if c.label == label][:each]]
    random.Random(0).shuffle(found)
    return found


def measure(model: Path, judge: Path, cases: int, limit_s: float, keep: Callable[[Config], None]) -> None:
    """Every way over so many cases, or for so long; all that there is after each is handed on."""
    made = setup()
    asked = chosen(made.corpus.case, made.taxonomy.labels, cases)
    result: Config = {"router": ROUTER, "model": model.name, "judge": judge.name, "tokens": TOKENS}
    result["ways"] = {}
    page = harness.blocks("yaml")
    for way in WAYS:
        tell(f"{way}: starting its proxy and models")
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for name in ("models", "routers"):
                (folder / name).symlink_to(ROOT / name)
            url = stack.enter_context(harness.llama(model, "model", folder))
            address = stack.enter_context(serve(folder)) if "serve" in way else ""
            downstream = {"model": url}
            if way == "llm":
                downstream["judge"] = stack.enter_context(harness.llama(judge, "judge", folder, 4096))
            plugin = f'at("{address}")' if address else f'in_process("{ROUTER}", threads=1)'
            text = f"from routerlab.integrations.litellm import at, in_process\nclassifier = {plugin}\n"
            (folder / "routing.py").write_text(text)
            params: Config = {"model": "auto_router/complexity_router"}
            params["complexity_router_config"] = router_of(way, page, address)
            listed = [{"model_name": "auto", "litellm_params": params}]
            for name, url in downstream.items():
                params = {"model": f"openai/{name}", "api_base": url, "api_key": "none"}
                if name == "judge":  # its server knows no json_schema, and writes blanks without an end
                    params["additional_drop_params"] = ["response_format"]
                    params["extra_body"] = {"grammar": grammar(made.taxonomy.labels)}
                listed.append({"model_name": name, "litellm_params": params})
            (folder / "config.yaml").write_text(yaml.safe_dump({"model_list": listed}))
            client = stack.enter_context(harness.litellm(folder))
            bare = stack.enter_context(httpx2.Client(timeout=REQUEST_S, trust_env=False))
            result["ways"][way] = row(client, bare, downstream["model"], asked, way, limit_s)
            keep(result)


def tell(line: str) -> None:
    """How far it is."""
    print(line, file=sys.stderr, flush=True)


def row(
    client: httpx2.Client, bare: httpx2.Client, model: str, asked: Sequence[Case], way: str, limit_s: float
) -> Config:
    """One way over the cases, or for so long. No prompt is asked twice running, for the model keeps what it
    read last; the first round is in no figure."""
    chat, step = "/v1/chat/completions", len(asked) // 3
    times: dict[str, dict[int, float]] = {"direct": {}, "proxy": {}, "auto": {}}
    right, causes, until = 0, dict[str, int](), time.monotonic() + limit_s
    for n in range(-1, len(asked)):
        if n > 0 and time.monotonic() > until:
            tell(f"{way}: {limit_s:.0f} s are over")
            break
        at = [(n + step * k) % len(asked) for k in range(3)]
        times["direct"][at[0]], _ = answer(bare, f"{model}/chat/completions", "model", asked[at[0]].prompt)
        times["proxy"][at[1]], _ = answer(client, chat, "model", asked[at[1]].prompt)
        times["auto"][at[2]], headers = answer(client, chat, "auto", asked[at[2]].prompt)
        tell(f"{way}: {n + 1} of {len(asked)} cases")
        if n < 0:
            for of in times.values():
                of.clear()
            continue
        tier, cause = (headers.get(f"x-litellm-complexity-router-{name}", "") for name in ("tier", "cause"))
        right += TIERS.get(tier, tier) == asked[at[2]].label
        causes[cause] = causes.get(cause, 0) + 1
    n = len(times["auto"])
    p50 = {name: spread(list(values.values()))["p50"] for name, values in times.items()}
    # Of the same prompt, so what the model needs for it is in both.
    added = [ms - times["proxy"][at] for at, ms in times["auto"].items() if at in times["proxy"]]
    return {
        "cases": n,
        "right": right,
        "accuracy": right / n,
        "interval": list(wilson(right, n)),
        "causes": causes,
        "proxy / direct": p50["proxy"] / p50["direct"],
        "auto / direct": p50["auto"] / p50["direct"],
        "auto / proxy": p50["auto"] / p50["proxy"],
        "added / direct, median of pairs": spread(added)["p50"] / p50["direct"],
        "raw_ms": {name: list(values.values()) for name, values in times.items()},
    }


def table(ways: dict[str, Config]) -> str:
    """As docs/litellm.md has it."""
    rows = [
        "| classifier | right | interval | fallbacks | the proxy / direct | the decision adds / direct |",
        "|---|---|---|---|---|---|",
    ]
    for way, row in ways.items():
        low, high = row["interval"]
        fallbacks = sum(n for cause, n in row["causes"].items() if "fallback" in cause)
        rows.append(
            f"| {way} | {row['right']} of {row['cases']} | {low:.2f} to {high:.2f} | {fallbacks} "
            f"| {row['proxy / direct']:.2f} | {row['added / direct, median of pairs']:.2f} |"
        )
    return "\n".join(rows)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("judge", type=Path)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=3.0, help="of each way")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "gateway.json")
    given = parser.parse_args()
    if harness.proxy_python() is None:
        sys.exit("no LiteLLM proxy here: set ROUTERLAB_LITELLM to the python of an environment that has it")
    facts = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", "machine": machine(), "load": os.getloadavg()[0]}

    def keep(result: Config) -> None:
        write_new(out, (json.dumps(facts | result, indent=1) + "\n").encode())
        ways.update(result["ways"])

    ways, out = dict[str, Config](), given.out.absolute()
    measure(given.model.absolute(), given.judge.absolute(), given.cases, 60.0 * given.minutes, keep)
    print(table(ways))


if __name__ == "__main__":
    main()
