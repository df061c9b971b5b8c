"""Facts of machines, healthy and not, for the rules."""

from __future__ import annotations

import pytest

from checks.facts.records import (
    DatasetFacts,
    DiskFacts,
    Facts,
    FileFacts,
    GpuDevice,
    GpuFacts,
    MemoryFacts,
    PlatformFacts,
    PythonFacts,
    TorchDevice,
    TorchFacts,
)

GIB = 1024**3


@pytest.fixture
def laptop() -> Facts:
    """A healthy laptop without a GPU and without any file of the user's."""
    return Facts(
        platform=PlatformFacts(system="Linux", release="6.1", machine="x86_64", distribution="Debian GNU/Linux 12"),
        python=PythonFacts(version="3.11.7", executable="/venv/bin/python"),
        torch=TorchFacts(state="ok", version="2.13.0+cpu"),
        gpu=GpuFacts(error="NVML Shared Library Not Found"),
        memory=MemoryFacts(total=16 * GIB, available=12 * GIB, cores=4),
        disk=DiskFacts(path="/home/anna", total=500 * GIB, free=100 * GIB, writable=True),
        dataset=DatasetFacts(name="RenderPeople"),
    )


@pytest.fixture
def workstation(laptop: Facts) -> Facts:
    """A healthy machine with a GPU and all of the user's files."""
    card = "NVIDIA GeForce RTX 4090"
    return laptop.model_copy(
        update={
            "torch": TorchFacts(
                state="ok",
                version="2.13.0+cu130",
                cuda_build="13.0",
                cuda_available=True,
                devices=(TorchDevice(name=card, capability=(8, 9), total_bytes=24 * GIB),),
                architectures=("sm_80", "sm_90"),
            ),
            "gpu": GpuFacts(
                driver="580.65.06",
                cuda_driver="13.0",
                devices=(GpuDevice(index=0, name=card, total_bytes=24 * GIB, free_bytes=23 * GIB, capability=(8, 9)),),
                device_files=("/dev/nvidia0", "/dev/nvidiactl"),
                libcuda="/usr/lib/x86_64-linux-gnu/libcuda.so.1",
            ),
            "body": FileFacts(path="/p/assets/SMPL_NEUTRAL.pkl", bytes=39_001_280, vertices=6890, shape_components=10),
            "checkpoint": FileFacts(path="/p/models/smpl/SHERF_RenderPeople.safetensors", bytes=200_000_000),
            "dataset": DatasetFacts(
                name="RenderPeople",
                root="/p/data/RenderPeople_recon/20230228",
                exists=True,
                list_file="/p/data/RenderPeople_recon/human_list.txt",
                listed=481,
                folders=481,
            ),
        }
    )
