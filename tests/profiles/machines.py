"""Machines for tests: made of facts, none of this one."""

from __future__ import annotations

from checks.facts.records import Facts, GpuDevice, GpuFacts, LimitsFacts, MemoryFacts, TorchDevice, TorchFacts

GIB = 1024**3
LAPTOP = Facts(
    memory=MemoryFacts(total=16 * GIB, available=12 * GIB, cores=2), torch=TorchFacts(state="ok", version="2.13.0+cpu")
)


def with_gpus(
    name: str = "Tesla T4",
    *,
    total: float = 15,
    free: float | None = None,
    count: int = 1,
    capability: tuple[int, int] = (7, 5),
    cores: int = 8,
    shm: int | None = None,
) -> Facts:
    """A machine with GPUs of one kind that torch can use; sizes in GiB, `shm` in MiB."""
    total_bytes = int(total * GIB)
    free_bytes = int((total if free is None else free) * GIB)
    return Facts(
        memory=MemoryFacts(total=32 * GIB, available=28 * GIB, cores=cores),
        limits=LimitsFacts(shm_free=None if shm is None else shm * 2**20),
        gpu=GpuFacts(
            driver="580.65",
            devices=tuple(
                GpuDevice(index=index, name=name, total_bytes=total_bytes, free_bytes=free_bytes)
                for index in range(count)
            ),
        ),
        torch=TorchFacts(
            state="ok",
            version="2.13.0",
            cuda_build="13.0",
            cuda_available=True,
            devices=tuple(TorchDevice(name=name, capability=capability, total_bytes=total_bytes) for _ in range(count)),
        ),
    )
