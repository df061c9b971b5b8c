"""Start-up times: how long `sherfctl --help` and `sherfctl doctor` take, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 5
TARGETS = {("--help",): 0.4, ("profiles", "list"): 0.6, ("doctor",): 6.0}


def measure(arguments: tuple[str, ...]) -> float:
    """Median seconds of a whole process."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "sherfctl", *arguments], capture_output=True, check=False)
        taken.append(time.perf_counter() - started)
        # A crash is no fast start; the doctor may well find something (1).
        if done.returncode not in (0, 1):
            sys.exit(f"sherfctl {' '.join(arguments)} ended with {done.returncode}: {done.stderr.decode()}")
    return statistics.median(taken)


def main() -> int:
    """Print each command's median beside its target; 1 if one is missed."""
    missed = False
    for arguments, target in TARGETS.items():
        seconds = measure(arguments)
        missed |= seconds > target
        print(f"sherfctl {' '.join(arguments):<14} {seconds:6.2f} s   target {target:.1f} s")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
