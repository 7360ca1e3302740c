"""The figures as docs/serve.md has them."""

from typing import Any


def table(found: dict[str, Any]) -> str:
    """All that was measured, in Markdown."""
    parts = [
        _rates(found["rates"]) if "rates" in found else "",
        *(f"- {_SAID[part](found[part])}" for part in _SAID if part in found),
    ]
    return "\n".join(part for part in (*parts, f"- Measured on {found['machine']}.") if part)


def _rates(rates: dict[str, Any]) -> str:
    rows = [
        "| server | right of routing60 | decisions a second, P95 <= 2000 ms | <= 300 ms "
        "| at twice the first: in time | refused | P95 of the answered |",
        "|---|---|---|---|---|---|---|",
    ]
    rest = []
    for name, row in rates.items():
        if not isinstance(row, dict):
            continue
        if "left out" in row:
            rest.append(f"- `{name}` was left out: {row['left out']}")
            continue
        if row.get("records_lost"):
            rest.append(f"- `{name}` wrote {row['records_lost']:,} records less than it made decisions.")
        knees = " | ".join(_between(row[f"knee_{limit}_ms"]) for limit in (2000, 300))
        rows.append(f"| `{name}` | {row['right']} of {row['cases']} | {knees} | {_twice(row.get('twice'))} |")
    return "\n".join([*rows, "", *rest])


def _between(knee: list[float | None]) -> str:
    low, high = knee
    if low == 0.0:
        return f"less than {high:.2g}" if high else "none"
    return f"{low:.3g} to {high:.3g}" if high else f"at least {low:.3g}"


def _twice(twice: dict[str, Any] | None) -> str:
    if twice is None:
        return "- | - | -"
    refused = twice["statuses"].get("429", 0) / twice["sent"]
    answered = f"{twice['answered_p95_ms']:.0f} ms" if twice["answered_p95_ms"] is not None else "-"
    share = f"{twice['goodput / knee']:.2f} of the knee's"
    return f"{twice['goodput']:.3g} a second, {share} | {refused:.0%} | {answered}"


def _idle(idle: dict[str, Any]) -> str:
    return (
        f"{idle['connections']:,} idle connections beside {idle['rate']:.0f} decisions a second "
        f"(`{idle['router']}`): the median wait is {idle['p50, with / without']:.2f} times, the P95 "
        f"{idle['p95, with / without']:.2f} times that without them; {idle['open at the end']:,} were "
        "open in the end."
    )


def _kill(kill: dict[str, Any]) -> str:
    statuses = ", ".join(f"{n:,} got {status}" for status, n in kill["statuses"].items())
    back = " and ".join("never" if s is None else f"{s:.1f} s" for s in kill["back_s"])
    return (
        f"kill -9 of its worker, twice, among {kill['sent']:,} requests: {statuses}; "
        f"{kill['without any answer']} got no answer. The first decision after a kill: {back}."
    )


def _fuzz(fuzz: dict[str, Any]) -> str:
    if "left out" in fuzz:
        return f"The fuzzer was left out: {fuzz['left out']}."
    end = "none was answered with a 5xx of ours" if fuzz["clean"] else "; ".join(fuzz["end"])
    return f"schemathesis sent {fuzz['requests'] or 0:,} requests: {end}."


def _soak(soak: dict[str, Any]) -> str:
    return f"{soak['minutes']:g} minutes at {soak['rate']:.0f} a second: " + "; ".join(
        f"the {name} {_growth(soak[name])}" for name in ("server", "workers")
    )


def _growth(one: dict[str, Any]) -> str:
    if one["mib_per_hour"] is None:
        return f"had {one['mib']:.0f} MiB (too short to say more)"
    growth, low, high = one["mib_per_hour"]
    flat = "flat" if one["flat"] else "not flat"
    interval = f"95 % interval {low:+.1f} to {high:+.1f}"
    return f"had {one['mib']:.0f} MiB, {growth:+.1f} MiB an hour after the first fifth ({interval}): {flat}"


_SAID = {"idle": _idle, "kill": _kill, "fuzz": _fuzz, "soak": _soak}
