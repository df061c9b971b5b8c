"""Every finding there is: its group, what it means, what mends it, and which other findings explain it away.

`fix` lines that start with `$ ` are commands; `{names}` are filled in by the rule that finds it.
"""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = ("Python", "Torch", "GPU", "Memory and disk", "SMPL body", "Checkpoint", "Data set")


@dataclass(frozen=True)
class Entry:
    """A kind of finding.

    Args:
        id: its name, `GROUP.KIND`.
        group: the heading it stands under, one of GROUPS.
        title: what is wrong, a few words.
        cause: why it is so.
        fix: what to do, a step or command each.
        link: where more is said, or "".
        follows: ids that are root causes of this one: where one of them is found too, this one is silent.
    """

    id: str
    group: str
    title: str
    cause: str
    fix: tuple[str, ...]
    link: str = ""
    follows: tuple[str, ...] = ()


SMPL_SITE = "https://smpl.is.tue.mpg.de"
TORCH_SITE = "https://pytorch.org/get-started/locally/"
SHERF_SITE = "https://github.com/skhu101/SHERF"
FETCH_SMPL = "download SMPL_python_v.1.1.0.zip from the SMPL site (free registration) and unpack it"
PLACE_SMPL = "$ mkdir -p assets && mv basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl assets/SMPL_NEUTRAL.pkl"

ENTRIES = (
    Entry(
        "PY.VERSION",
        "Python",
        "this Python is too old",
        "Python 3.10 or newer, 64 bits, is needed: torch and numpy have no current builds for others.",
        ("$ sudo apt-get install python3 python3-venv", "$ PYTHON=python3.12 make test    # name a newer one"),
    ),
    Entry(
        "SYS.INSTALL",
        "Python",
        "this installation is incomplete",
        "Files that ship with the program are missing: a copy that was cut short, or a clone without its large files.",
        ("clone or install it again; in a source checkout `git status` shows what is missing",),
    ),
    Entry(
        "TORCH.MISSING",
        "Torch",
        "torch is not installed",
        "The model is written in PyTorch, and this Python has none.",
        ('$ {python} -m pip install "torch>=2.4"',),
        TORCH_SITE,
        follows=("PY.VERSION",),
    ),
    Entry(
        "TORCH.BROKEN",
        "Torch",
        "torch is installed but cannot be imported",
        "The installation is damaged, mixed from several versions, or a library it needs is missing.",
        ('$ {python} -m pip install --force-reinstall "torch>=2.4"', "or, in a source checkout: $ make clean test"),
        TORCH_SITE,
        follows=("PY.VERSION",),
    ),
    Entry(
        "TORCH.CPU",
        "Torch",
        "torch is a CPU build, and there is a GPU",
        "This build of torch was made without CUDA, so the GPU stays idle.",
        ("install a CUDA build of torch into {python}: the site below gives the command for your driver",),
        TORCH_SITE,
        follows=("TORCH.MISSING", "TORCH.BROKEN", "GPU.NONE"),
    ),
    Entry(
        "GPU.NONE",
        "GPU",
        "no NVIDIA GPU",
        "There is no NVIDIA device, no driver library, and no /dev/dxg (WSL): the CPU does the work.",
        ("{advice}",),
    ),
    Entry(
        "CUDA.VISIBLE",
        "GPU",
        "CUDA_VISIBLE_DEVICES hides the GPUs",
        "The environment variable names no GPU that is there, so torch sees none.",
        ("$ unset CUDA_VISIBLE_DEVICES",),
        follows=("GPU.NONE",),
    ),
    Entry(
        "CUDA.DRIVER_OLD",
        "GPU",
        "the NVIDIA driver is too old for this torch",
        "torch was built for a newer major version of CUDA than the driver serves.",
        (
            "update the NVIDIA driver (on WSL: the one of Windows)",
            "or install a torch that was built for CUDA {driver_cuda}: the site below has older builds",
        ),
        TORCH_SITE,
        follows=("GPU.NONE", "TORCH.MISSING", "TORCH.BROKEN", "TORCH.CPU", "CUDA.VISIBLE"),
    ),
    Entry(
        "SYS.RAM",
        "Memory and disk",
        "little memory",
        "Less memory is available than the work needs; the system may end the program (`Killed`).",
        ("{advice}",),
    ),
    Entry(
        "SYS.DISK",
        "Memory and disk",
        "no room for results",
        "Results are written to the current folder, and its file system is full, nearly full, or not writable.",
        ("free some space there, or name another folder: --out DIR",),
    ),
    Entry(
        "SMPL.MISSING",
        "SMPL body",
        "no SMPL body model",
        "The neutral SMPL body is not in assets/ or models/smpl/. Its licence forbids shipping it.",
        (FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
        follows=("SMPL.RENAMED",),
    ),
    Entry(
        "SMPL.RENAMED",
        "SMPL body",
        "the SMPL body has its original name",
        "The file is there under the name that its publishers gave it; it is looked for as assets/SMPL_NEUTRAL.pkl.",
        ("$ mkdir -p assets && ln -s {path} assets/{name}",),
    ),
    Entry(
        "SMPL.HTML",
        "SMPL body",
        "the SMPL file is a web page",
        "The site answered with its login page, which was saved under the file's name.",
        ("log in first: " + FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.LFS",
        "SMPL body",
        "the SMPL file is a Git LFS pointer",
        "The repository it came from keeps large files elsewhere; only the pointer was fetched.",
        ("$ git lfs install && git lfs pull    # in the repository that it came from",),
    ),
    Entry(
        "SMPL.ZIP",
        "SMPL body",
        "the SMPL file is an archive",
        "The downloaded archive was renamed instead of unpacked.",
        (
            "$ python3 -m zipfile -e {path} smpl_unpacked",
            "then move the neutral model inside to assets/SMPL_NEUTRAL.pkl",
        ),
    ),
    Entry(
        "SMPL.TRUNC",
        "SMPL body",
        "the SMPL file is cut short",
        "The download or the copy stopped before its end.",
        (FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.SHAPEDIRS300",
        "SMPL body",
        "the SMPL file has {components} shape components",
        "SMPL v1.1.0 has 300, the model uses 10: the first 10 are taken when it is loaded.",
        ("nothing to do",),
    ),
    Entry(
        "SMPL.STRUCT",
        "SMPL body",
        "the SMPL file is not a neutral SMPL body",
        "Arrays are missing or have other shapes or values: another model (SMPL-X, SMPL+H), or a damaged copy.",
        ("replace it: " + FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.SMPLX",
        "SMPL body",
        "the SMPL file is an SMPL-X body",
        "SMPL-X is another model (10475 vertices, with face and fingers); SMPL is wanted (6890 vertices).",
        (FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "SMPL.UNSAFE",
        "SMPL body",
        "the SMPL file would run code",
        "It is a pickle that calls functions no body model needs. It was not loaded, nothing in it was run.",
        ("delete it, and tell whoever gave it to you", "then " + FETCH_SMPL, PLACE_SMPL),
        SMPL_SITE,
    ),
    Entry(
        "CKPT.MISSING",
        "Checkpoint",
        "no trained weights",
        "There is no models/smpl/SHERF_{dataset}.safetensors.",
        ("put it there, or name it: --checkpoint FILE",),
        SHERF_SITE,
    ),
    Entry(
        "CKPT.FILE",
        "Checkpoint",
        "the checkpoint file is broken",
        "It is a web page, a Git LFS pointer, an archive, or cut short: an expired link or an interrupted download.",
        ("fetch it again, and compare its size with the publisher's",),
        SHERF_SITE,
    ),
    Entry(
        "CKPT.KEYS",
        "Checkpoint",
        "the checkpoint belongs to another model",
        "Its parameters have other names or shapes: it was trained with other settings or for another program.",
        ("use weights that were trained with the published settings, or name others: --checkpoint FILE",),
    ),
    Entry(
        "CKPT.PERSISTENCE",
        "Checkpoint",
        "the checkpoint is a pickle of the published code",
        "Such files carry source code. This version reads .safetensors only.",
        ("put a .safetensors file beside it, or name one: --checkpoint FILE.safetensors",),
    ),
    Entry(
        "DATA.MISSING",
        "Data set",
        "no {dataset} data",
        "The data set's folder is not in the usual place, or the one named by --data does not exist.",
        ("name it: --data DIR", "or link it:", "$ mkdir -p {parent} && ln -s /path/to/it {place}"),
        SHERF_SITE,
    ),
    Entry(
        "DATA.LIST",
        "Data set",
        "human_list.txt is missing",
        "The list comes with the published code, not with the data; without it folders are taken by name.",
        ("$ ls -d {root}/*/ | xargs -n 1 basename > {root}/human_list.txt",),
        follows=("DATA.MISSING",),
    ),
    Entry(
        "DATA.RP_COUNT",
        "Data set",
        "fewer people than the published split wants",
        "The published test set is people 451 to 480 of the list; today's public RenderPeople release has 189 people.",
        (
            "ask the authors for the full set",
            "or name the people to evaluate: --subjects NAME (the figures are then not the paper's)",
        ),
        SHERF_SITE + "/issues/46",
        follows=("DATA.MISSING",),
    ),
)

CATALOGUE = {entry.id: entry for entry in ENTRIES}
