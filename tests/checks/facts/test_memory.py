"""Memory, cores and limits: control groups of both versions, jobs, and machines without /proc."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks.facts import memory
from tests.checks.facts.fakes import files

MIB = 1024**2
GIB = 1024**3
MEMINFO = "MemTotal:       67108864 kB\nMemFree: 1 kB\nMemAvailable:   50331648 kB\nSwapTotal:  2097152 kB\nOdd: x kB\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "30 23 0:26 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "31 23 0:27 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)


def test_a_machine_without_limits(tmp_path: Path) -> None:
    root = files(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": V2})
    facts = memory.memory_facts(root, {})
    assert (facts.total, facts.available, facts.swap) == (64 * GIB, 48 * GIB, 2 * GIB)
    assert (facts.limit, facts.core_quota) == (None, None)


def test_a_container_of_version_2(tmp_path: Path) -> None:
    group = "sys/fs/cgroup"
    contents = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": V2,
        f"{group}/memory.max": f"{8 * GIB}\n",
        f"{group}/memory.current": f"{5 * GIB}\n",
        f"{group}/memory.stat": f"anon 1\ninactive_file {2 * GIB}\n",
        f"{group}/cpu.max": "250000 100000\n",
    }
    facts = memory.memory_facts(files(tmp_path, contents), {})
    # 5 GiB are used, 2 of them for files that can be dropped.
    assert (facts.limit, facts.available, facts.core_quota) == (8 * GIB, 5 * GIB, 2.5)


def test_every_group_above_limits_too(tmp_path: Path) -> None:
    top = "sys/fs/cgroup/system.slice"
    job = f"{top}/job_7/step_0"
    contents = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "0::/system.slice/job_7/step_0\n",
        "proc/self/mountinfo": V2,
        f"{top}/memory.max": f"{40 * GIB}",
        f"{top}/memory.current": f"{39 * GIB}",
        f"{top}/job_7/memory.max": f"{16 * GIB}",
        f"{top}/job_7/memory.current": f"{4 * GIB}",
        f"{job}/memory.max": "max\n",
        f"{top}/job_7/cpu.max": "400000 100000",
        f"{job}/cpu.max": "max 100000",
    }
    facts = memory.memory_facts(files(tmp_path, contents), {})
    assert (facts.limit, facts.available, facts.core_quota) == (16 * GIB, 1 * GIB, 4.0)


@pytest.mark.parametrize("top", ["/", "/docker/abc"])
def test_version_1(tmp_path: Path, top: str) -> None:
    """With the whole tree to be seen, or only the container's part of it under the path outside."""
    seen = "sys/fs/cgroup/{0}/docker/abc" if top == "/" else "sys/fs/cgroup/{0}"
    limited, timed = seen.format("memory"), seen.format("cpu,cpuacct")
    contents = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n2:name=systemd:/x\n0::/\n",
        "proc/self/mountinfo": V1.format(top=top),
        f"{limited}/memory.limit_in_bytes": f"{2 * GIB}",
        f"{limited}/memory.usage_in_bytes": f"{1 * GIB}",
        f"{limited}/memory.stat": f"inactive_file 5\ntotal_inactive_file {GIB // 2}\n",
        f"{timed}/cpu.cfs_quota_us": "150000",
        f"{timed}/cpu.cfs_period_us": "100000",
    }
    facts = memory.memory_facts(files(tmp_path, contents), {})
    assert (facts.limit, facts.available, facts.core_quota) == (2 * GIB, GIB + GIB // 2, 1.5)


def test_version_1_without_limits(tmp_path: Path) -> None:
    contents = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "4:memory:/\n1:cpu,cpuacct:/\n",
        "proc/self/mountinfo": V1.format(top="/"),
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{60 * GIB}",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    facts = memory.memory_facts(files(tmp_path, contents), {})
    assert (facts.limit, facts.available, facts.core_quota) == (None, 48 * GIB, None)


def test_without_a_list_of_mounts_the_usual_place_counts(tmp_path: Path) -> None:
    group = "sys/fs/cgroup"
    root = files(tmp_path, {f"{group}/memory.max": "1000000\n", f"{group}/memory.current": "400000\n"})
    facts = memory.memory_facts(root, {})
    assert (facts.total, facts.limit, facts.available) == (None, 1_000_000, 600_000)


def test_a_limit_above_the_machine_is_none(tmp_path: Path) -> None:
    root = files(tmp_path, {"proc/meminfo": MEMINFO, "sys/fs/cgroup/memory.max": f"{128 * GIB}"})
    assert memory.memory_facts(root, {}).limit is None


@pytest.mark.parametrize(
    ("environment", "limit"),
    [
        ({"SLURM_MEM_PER_NODE": "16384"}, 16 * GIB),
        ({"SLURM_MEM_PER_NODE": "0"}, None),
        ({"SLURM_MEM_PER_CPU": "2048", "SLURM_CPUS_ON_NODE": "4"}, 8 * GIB),
        ({"SLURM_MEM_PER_CPU": "2048"}, None),
        ({"SLURM_MEM_PER_NODE": "16G"}, None),
    ],
)
def test_what_slurm_grants(tmp_path: Path, environment: dict[str, str], limit: int | None) -> None:
    facts = memory.memory_facts(files(tmp_path, {"proc/meminfo": MEMINFO}), environment)
    assert facts.limit == limit
    assert facts.available == (limit or 48 * GIB)


def test_cores_are_those_that_this_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert memory.memory_facts(tmp_path, {}).cores == 3


@pytest.mark.parametrize(
    "contents",
    [{}, {"proc/meminfo": b"\xff\x00", "proc/self/cgroup": b"\x80:\n::", "proc/self/mountinfo": "- -\n1 2\n"}],
)
def test_nothing_to_read_or_garbage(
    tmp_path: Path, contents: dict[str, str | bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = memory.memory_facts(files(tmp_path, contents), {})
    assert (facts.total, facts.available, facts.limit, facts.swap, facts.core_quota) == (None,) * 5


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, resource.RLIM_INFINITY))
    facts = memory.limits_facts(tmp_path)
    assert (facts.open_files, facts.open_files_hard) == (1024, None)
    assert (facts.shm_total, facts.shm_free) == (None, None)


def test_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    docker = os.statvfs_result([4096, 4096, 16384, 16000, 15360, *real[5:]])
    monkeypatch.setattr(os, "statvfs", lambda path: docker if path == tmp_path / "dev/shm" else real)
    facts = memory.limits_facts(tmp_path)
    assert (facts.shm_total, facts.shm_free) == (64 * MIB, 60 * MIB)
