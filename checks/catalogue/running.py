"""Findings about a run: what it needs of the machine, and what one photo needs."""

from __future__ import annotations

from checks.catalogue.entry import SHERF_SITE, Entry
from checks.catalogue.roots import NO_GPU
from sherf_core.metrics.vgg_files import ADDRESS

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "RUN.GPUS",
        "Running",
        "fewer GPUs than asked for, or than published",
        "The published training was set up for 4 GPUs. Fewer do as well: each takes several pictures in turn before "
        "the weights move, so that the effective batch stays 4. Evaluation uses one GPU, or the CPU, unless --gpus "
        "asks for more.",
        ("ask for the GPUs that are there: --gpus N, or leave the option away",),
        SHERF_SITE + "/issues/23",
        follows=(*NO_GPU, "CUDA.VISIBLE", "GPU.MIG"),
    ),
    Entry(
        "RUN.BATCH",
        "Running",
        "how the published 4 pictures are shared by the GPUs",
        "The published code works with one picture a GPU only (`pts1 and pts2 must have the same batch dimension`). "
        "Here a GPU may take any number of them, and the effective batch of 4 is kept by accumulation wherever 4 "
        "divides by the number of GPUs.",
        ("take 1, 2 or 4 GPUs for the published batch of 4",),
        follows=("RUN.GPUS",),
    ),
    Entry(
        "RUN.TIME",
        "Running",
        "training takes days",
        "The published recipe is 800,000 pictures. Users report 36 to 48 hours on 4 V100 (issue 3), and about 4 days "
        "(issue 39).",
        (
            "nothing to mend: plan for it, and continue from the last checkpoint after an interruption",
            "or evaluate with the published weights, which needs no training",
        ),
        SHERF_SITE + "/issues/39",
        follows=NO_GPU,
    ),
    Entry(
        "RUN.VRAM",
        "Running",
        "not enough GPU memory",
        "The work needs more memory than the GPU has left for it (`CUDA out of memory`).",
        (
            "see whether other programs hold its memory, and end those that are not needed:",
            "$ nvidia-smi",
            "take less at a time: one picture a GPU, smaller pieces, smaller pictures:",
            "$ sherfctl run eval --profile laptop-6gb --resolution 256",
            "or evaluate on the CPU:",
            "$ sherfctl run eval --profile cpu",
            "train on smaller pictures (`resolution: 256` in the profile's training), or on a GPU with more memory",
        ),
    ),
    Entry(
        "RUN.SHM",
        "Running",
        "little shared memory",
        "Processes that read pictures hand them over through /dev/shm; where it is full they die with `Bus error`. "
        "Containers have 64 MB unless told otherwise.",
        (
            "docker: docker run --shm-size=8g …, or --ipc=host",
            "kubernetes: mount an emptyDir with medium: Memory at /dev/shm",
            "or take a profile with `workers: 0`: slower, and needs no shared memory",
        ),
        "https://github.com/pytorch/pytorch/issues/5040",
    ),
    Entry(
        "RUN.LPIPS",
        "Running",
        "no weights for LPIPS",
        "LPIPS compares pictures through a VGG16 network, whose weights (528 MB) are not on this machine. The program "
        "never fetches them by itself: PSNR and SSIM are measured without them, and training leaves that loss out.",
        (
            "$ sherfctl fetch-assets perceptual",
            f"where there is no network: fetch {ADDRESS} elsewhere, and copy it to assets/",
        ),
    ),
    Entry(
        "INPUT.WILD",
        "Running",
        "photos of your own",
        "One photo is enough, but not alone: SHERF also wants its camera, the person's SMPL body in that photo, and "
        "a mask. All three come from other programs.",
        (
            "the body and a camera: fit SMPL with 4D-Humans (HMR 2.0), ROMP or SMPLify",
            "the camera: K (3x3, pixels), R (3x3) and T (3, metres) with x_cam = R x + T",
            "the mask: Segment Anything or rembg; non-zero on the person",
            "the layout of folders, to imitate:",
            "$ sherfctl make-people people --subjects 1",
        ),
        SHERF_SITE + "/issues/9",
    ),
)
