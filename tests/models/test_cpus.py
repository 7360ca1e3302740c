"""CPUs as made-up kernels tell of them: siblings, hybrid cores, quotas, containers."""

from pathlib import Path

from routerlab.models.cpus import Candidate, Cpus, candidates, read_cpus, usable_numbers


def machine(root: Path, siblings: list[str], **numbers: list[int]) -> Path:
    """A tree with CPU i's `siblings[i]`, and its number in each of the files (a clock, a capacity)."""
    for i, others in enumerate(siblings):
        cpu = root / f"sys/devices/system/cpu/cpu{i}"
        (cpu / "topology").mkdir(parents=True)
        (cpu / "topology/core_cpus_list").write_text(f"{others}\n")
        for name, values in numbers.items():
            file = cpu / {"clock": "cpufreq/cpuinfo_max_freq", "capacity": "cpu_capacity"}[name]
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{values[i]}\n")
    return root


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


SMT = ["0,2", "1,3", "0,2", "1,3"]
HYBRID = ["0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7"]
"""Two performance cores with siblings, and four efficient ones."""
CLOCKS = [5_600_000, 5_600_000, 5_800_000, 5_800_000, *[4_300_000] * 4]


def test_siblings_count_as_one_core(tmp_path: Path) -> None:
    root = machine(tmp_path, SMT)
    assert read_cpus(range(4), root) == Cpus((0, 1, 2, 3), (0, 1), (0, 1, 2, 3))
    assert read_cpus([1, 2, 3], root).physical == (1, 2)  # not every CPU is ours
    found = candidates(read_cpus(range(4), root))
    assert [(c.threads, c.cpus) for c in found] == [(4, ()), (2, ()), (3, ()), (2, (0, 1))]
    assert found[-1].text == "2 threads, pinned to CPUs 0,1 (one CPU of each core)"


def test_hybrid_machines_have_performance_cores(tmp_path: Path) -> None:
    cpus = read_cpus(range(8), machine(tmp_path, HYBRID, clock=CLOCKS))
    assert cpus == Cpus(tuple(range(8)), (0, 2, 4, 5, 6, 7), (0, 1, 2, 3))
    found = [(c.threads, c.cpus) for c in candidates(cpus)]
    assert found[0] == (8, ())
    assert {(6, ()), (4, ()), (2, ()), (7, ())} <= set(found)
    assert set(found) >= {(6, cpus.physical), (4, cpus.quick), (2, (0, 2))}
    assert len(found) == len(set(found)) == 8


def test_a_capacity_wins_over_a_clock(tmp_path: Path) -> None:
    root = machine(tmp_path, list("0123"), clock=[2, 2, 2, 2], capacity=[446, 446, 1024, 1024])
    assert read_cpus(range(4), root).quick == (2, 3)


def test_a_kernel_that_tells_nothing(tmp_path: Path) -> None:
    cpus = read_cpus({3, 1}, tmp_path)
    assert cpus == Cpus((1, 3), (1, 3), (1, 3))
    assert [(c.threads, c.cpus) for c in candidates(cpus)] == [(2, ()), (1, ())]


def test_one_cpu_leaves_no_choice(tmp_path: Path) -> None:
    assert candidates(read_cpus([0], machine(tmp_path, ["0"]))) == [Candidate(1, (), "all CPUs")]


def test_the_tightest_quota_above_counts(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "0::/pod/box\n")
    put(tmp_path, "sys/fs/cgroup/pod/box/cpu.max", "max 100000\n")
    assert read_cpus(range(8), tmp_path).quota is None
    put(tmp_path, "sys/fs/cgroup/pod/cpu.max", "250000 100000\n")
    put(tmp_path, "sys/fs/cgroup/cpu.max", "600000 100000\n")
    cpus = read_cpus(range(8), tmp_path)
    assert cpus.quota == 2.5
    assert [c.threads for c in candidates(cpus)] == [8, 2, 3, 7, 4]
    assert candidates(cpus)[1].text == "2 threads (a quota of 2.5 CPUs)"


def test_a_quota_of_the_first_version(tmp_path: Path) -> None:
    put(tmp_path, "proc/self/cgroup", "5:memory:/x\n3:cpu,cpuacct:/box\n")
    put(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    put(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert read_cpus(range(8), tmp_path).quota is None
    put(tmp_path, "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n")
    put(tmp_path, "sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n")
    cpus = read_cpus(range(8), tmp_path)
    assert cpus.quota == 0.5
    assert 1 in [c.threads for c in candidates(cpus)]


def test_this_machine_can_be_read() -> None:
    cpus = read_cpus(usable_numbers())
    assert set(cpus.physical) | set(cpus.quick) <= set(cpus.usable)
    assert cpus.usable
    assert cpus.physical
    assert cpus.quick
