"""Seconds to encode a person and to render a frame, and peak memory, on this machine.

    python benchmarks/frame.py --size 512 --device cpu

A person of the embedded body stands 3.4 m from a camera whose focal length is 900 pixels at 512². Time does not depend
on the weights, so they are the initial ones.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from sherf_core.body.files import load_body
from sherf_core.body.model import BodyModel
from sherf_core.data.records import BodyPose, Camera, Frame
from sherf_core.geometry.nearest import VertexSearch
from sherf_core.model.initial import initial_weights
from sherf_core.model.inputs import bodies_of, observation_of, rays_of
from sherf_core.model.sherf import SHELL_RADIUS, Sherf, SherfConfig
from sherf_core.render.sampling import ray_steps, sample_depths


def standing_person(size: int) -> Frame:
    """A made-up observation: noise on the person, arms a little lowered."""
    rng = np.random.default_rng(0)
    poses = (rng.normal(size=72) * 0.1).astype(np.float32)
    focal = 900 * size / 512
    K = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], np.float32)
    camera = Camera(K, np.diag([1, -1, -1]).astype(np.float32), np.array([0, -0.3, 3.4], np.float32))
    body = BodyPose(poses, np.zeros(10, np.float32), np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    image = rng.uniform(size=(size, size, 3)).astype(np.float32)
    return Frame("nobody", 0, 0, image, np.ones((size, size), bool), camera, body)


def timed(run: Callable[[], object], device: str, repeats: int) -> str:
    """Median and range of seconds, after one warm-up."""
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    kept = seconds[1:]
    return f"{statistics.median(kept):8.4f} s  ({min(kept):.4f} to {max(kept):.4f})"


def peak_gib(device: str) -> float:
    """Peak memory of the device, or of this process on a CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def main() -> None:
    """Measure one size on one device and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--points-per-chunk", type=int, default=SherfConfig().points_per_chunk)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False

    model = Sherf(BodyModel(load_body()), SherfConfig(points_per_chunk=options.points_per_chunk))
    model.load_state_dict(initial_weights(model.state_dict()))
    model = model.eval().to(options.device)
    frame = standing_person(options.size)
    observation = observation_of([frame]).to(options.device)
    bodies = bodies_of([frame.body]).to(options.device)
    with torch.inference_mode():
        rays = rays_of([frame.camera], bodies, model.body_model, options.size, options.size)
        depths = sample_depths(rays.near[0], rays.far[0], ray_steps(model.config.samples_per_ray, rays.near))
        points = rays.origins[0, :, None] + rays.directions[0, :, None] * depths[..., None]
        search = VertexSearch(model.body_model.vertices(bodies.poses, bodies.shapes)[0], radius=SHELL_RADIUS)
        inside = len(search.within(points[rays.hit[0]].flatten(0, 1))[0])
        del points, depths
        print(
            f"{options.size}x{options.size}, {options.device}, torch {torch.__version__}, {inside:,} points within 5 cm"
        )
        if options.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        person = model.encode(observation)
        print("encode a person ", timed(lambda: model.encode(observation), options.device, options.repeats))
        print("render one frame", timed(lambda: model.render(person, bodies, rays), options.device, options.repeats))
        print(f"peak memory       {peak_gib(options.device):.2f} GiB")


if __name__ == "__main__":
    main()
