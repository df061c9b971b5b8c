"""What the work needs at the least and in comfort: figures that several rules go by."""

from __future__ import annotations

from checks.facts.records import Facts
from checks.purpose import Purpose
from checks.rules.gpu_count import devices_used
from sherf_core.memory import GPU_PROCESS_RAM, cpu_bytes, gpu_bytes

MIB, GIB = 1024**2, 1024**3
# The smallest pieces of the work that are worth running (larger ones are a matter of the profile), and those that the
# CPU usually takes.
SMALLEST_CHUNK, CPU_CHUNK = 16_384, 32_768
SMALLEST_GPU_NEED = {
    "eval": gpu_bytes("eval", 512, SMALLEST_CHUNK),
    "train": gpu_bytes("train", 256, SMALLEST_CHUNK, "float16"),
}
# Each GPU that trains has four processes that read pictures, each with its own Python and torch: about 1 GiB.
READERS = 4 * GIB
# Compute capabilities from which a GPU has arithmetic of that kind.
HALF_FROM, BFLOAT16_FROM = (7, 0), (8, 0)


def memory_needed(facts: Facts, purpose: Purpose) -> int:
    """Bytes of main memory that the work takes as it is usually run.

    An evaluation may fall back to the CPU, so the larger one counts.
    """
    if purpose.action == "eval":
        return max(GPU_PROCESS_RAM, cpu_bytes("eval", 512, CPU_CHUNK))
    return max(1, len(devices_used(facts, purpose))) * (GPU_PROCESS_RAM + READERS)


def least_memory(purpose: Purpose) -> int:
    """Bytes that it takes at the least: small pictures on the CPU, or training without processes that read."""
    return cpu_bytes("eval", 256, SMALLEST_CHUNK) if purpose.action == "eval" else GPU_PROCESS_RAM
