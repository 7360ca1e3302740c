"""The protocol that `trial new` writes: every decision with its reason, to be edited and then locked."""

TEMPLATE = """\
# The protocol of a trial: decide everything here, then `routerlab trial lock` it before the first session.
# Comments and formatting are yours; the lock hashes the content.
schema_version = 1
name = "{name}"
description = ""

# What is asked. Paths are relative to the folder that commands are started in; without any, the lab's own.
# corpus = "corpus/routing60.toml"
# taxonomy = "corpus/taxonomy.toml"
# exemplars = "none"
# routes = "corpus/routes.toml"   # label -> model, with prices: for savings and the cost of misroutes

# Sample size: sessions an arm. Decoding is deterministic, so accuracy rests on the number of different cases:
# repeats of a case add to latency only. `routerlab trial power FILE` says what this size can find.
sessions = 120

# "blocks": every arm is asked every case equally often, arms interleaved in random order. "hash": the
# original study's rule, SHA-256 of the session's id modulo the number of arms, which leaves cases uneven.
assignment = "blocks"
seed = {seed}
warmups = 2            # questions to each arm before the first session, never counted

latency = "response"   # P95 counts from the moment a session was due; "service" leaves its queue out
percentile = "study"   # sorted[int(q * n)]; others: nearest-rank, linear, weibull, median-unbiased
confidence = 0.95
resamples = 10000
limit_minutes = 240    # the run ends then, and says so

# An arm that passes every gate is viable. A gate answers pass, fail or undecided, from the interval.
gates = ["accuracy>=0.85", "p95<=2000"]
decision_matrix = "study"   # its rows: `routerlab trial analyze` names the one that holds

# --- arms: as --arm takes them; `name` is what the result calls them ---
[[arm]]
ask = "control"              # no routing: passes every prompt on, measured

[[arm]]
ask = "smollm2-135m:probe"

[[arm]]
ask = "qwen2.5-coder-0.5b:probe"

# [[arm]]
# ask = "qwen2.5-coder-cascade:cascade"   # a small router first, a larger one where it is not sure

# [[arm]]
# ask = "remote:deepseek"
# [[remote]]
# name = "deepseek"
# base_url = "https://api.example.com/v1"
# model = "deepseek-chat"
# hosting = "api"
# key_env = "DEEPSEEK_API_KEY"            # the name of the variable that holds the key, never the key
# prices = {{ input = 0.27, output = 1.10, currency = "USD", date = 2026-11-24 }}

# --- traffic ---
[traffic]
pattern = "poisson"      # or "bursty" (with burst), "replay" (with stamps, a file), "closed" (with users)
rate = 0.5               # sessions a second over all arms; `routerlab trial sweep` shows what an arm can take
# concurrency = 8        # sessions under way at most
# patience_s = 30        # a session that waited so long for its turn is given up
schedule = "exclusive"   # arms on this machine take turns, and the wait for another arm's turn does not
                         # count; with "parallel" they compete for the machine, and everything counts

# --- looks before the end; none by default. Any other look is recorded as a deviation ---
[looks]
rule = "none"            # or "obrien-fleming" with fractions of the cases, or "sprt" with p0, p1, alpha, beta
# fractions = [0.5]
# action = "record"      # or "drop" an arm that lost, or "stop" the trial once every pair is decided

# --- hypotheses: the tests of each are corrected together (Holm) ---
[[hypothesis]]
id = "H5"
says = "Routers differ in accuracy (every pair, exact McNemar on the same cases)"
endpoint = "accuracy"
alpha = 0.05

[[hypothesis]]
id = "H6"
says = "Routing costs at least 25 % less than sending everything to the default model, the router included"
endpoint = "cost"
limit = 0.75

[[hypothesis]]
id = "H7"
says = "Macro F1 is at least 0.82"
endpoint = "macro_f1"
limit = 0.82

[[hypothesis]]
id = "H7b"
says = "F1 of hybrid/agentic is at least 0.82"
endpoint = "f1:hybrid/agentic"
limit = 0.82

[[hypothesis]]
id = "H8"
says = "P95 is at most 2000 ms"
endpoint = "p95"
limit = 2000

# --- exclusions: cases that are not asked, and why ---
# [[exclude]]
# case = "R60-017"
# reason = "two annotators disagreed and nobody has decided"

# --- prices of the routers themselves. Remotes have theirs in [[remote]] ---
[cost]
currency = "USD"
date = {today}
source = "an hour of a small GPU, as in the original study"

[[cost.machine]]
arms = ["smollm2-135m:probe", "qwen2.5-coder-0.5b:probe"]
hosting = "self-hosted"
per_hour = 0.75
"""
