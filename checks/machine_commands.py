"""Steps that are exact for a machine: its package manager, its Python, its container, its batch system.

A step that starts with `$ ` is a shell command, one with `PS> ` is for PowerShell in Windows, others are words.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping

from checks.catalogue.entry import TORCH_SITE
from checks.drivers import torch_for
from checks.facts.records import Facts

DRIVER_SITE = "https://www.nvidia.com/drivers"
CONTAINER_TOOLKIT_SITE = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
ENVIRONMENT = "~/sherf-environment"
DEBIAN_PYTHON = re.compile(r"/usr/bin/(python3(?:\.\d+)?)")
OLDEST_TORCH = "torch>=2.4"
INSTALL = {
    "apt": "apt-get install {}",
    "dnf": "dnf install {}",
    "pacman": "pacman -S {}",
    "zypper": "zypper install {}",
    "apk": "apk add {}",
}
REMOVE = {
    "apt": "apt-get purge {}",
    "dnf": "dnf remove {}",
    "pacman": "pacman -Rns {}",
    "zypper": "zypper remove {}",
    "apk": "apk del {}",
}
DRIVER_COMMANDS = {
    "ubuntu": ("apt-get install ubuntu-drivers-common", "ubuntu-drivers install"),
    "debian": ("apt-get install nvidia-driver",),
    "fedora": ("dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda",),
    "arch": ("pacman -S nvidia-open nvidia-utils",),
}
RESTART_SESSION = {
    "colab": "Runtime > Restart session",
    "kaggle": "Run > Restart & clear cell outputs",
    "jupyter": "Kernel > Restart",
}
DRIVER_REMARKS = {
    "debian": "first add contrib, non-free and non-free-firmware to the Components of the Debian sources",
    "fedora": "first enable RPM Fusion (nonfree): https://rpmfusion.org/Configuration",
}


def python_of(facts: Facts) -> str:
    """The interpreter, ready for a shell."""
    return shlex.quote(facts.python.executable) if facts.python.executable else "python3"


def as_root(facts: Facts, command: str) -> str:
    """A shell step that needs the administrator's rights."""
    return f"$ {command}" if facts.platform.is_root else f"$ sudo {command}"


def in_shell(facts: Facts, command: str) -> str:
    """A shell step, or what to write into a cell of a notebook."""
    return f"in a cell: !{command}" if facts.platform.notebook else f"$ {command}"


def install_packages(facts: Facts, names: Mapping[str, str]) -> tuple[str, ...]:
    """Install packages of the system; `names` are by package manager, () where it has none for this machine's."""
    manager = facts.platform.package_manager
    if not manager or manager not in names:
        return ()
    return (as_root(facts, INSTALL[manager].format(names[manager])),)


def remove_packages(facts: Facts, names: tuple[str, ...]) -> tuple[str, ...]:
    """Remove packages of the system, by their exact names."""
    manager = facts.platform.package_manager
    if not manager or not names:
        return ()
    return (as_root(facts, REMOVE[manager].format(" ".join(map(shlex.quote, names)))),)


def pip_install(facts: Facts, *requirements: str, options: str = "") -> tuple[str, ...]:
    """Install Python packages into this Python; a system's own Python is left alone in favour of an environment."""
    what = " ".join([*([options] if options else []), *(f'"{requirement}"' for requirement in requirements)])
    if facts.python.manager == "system" and not (facts.platform.container or facts.platform.notebook):
        return (
            *_packages_for_environments(facts),
            f"$ {python_of(facts)} -m venv {ENVIRONMENT}",
            f"$ {ENVIRONMENT}/bin/pip install {what}",
            f"$ {ENVIRONMENT}/bin/pip install {_this_program(facts)}",
            f"$ {ENVIRONMENT}/bin/sherfctl doctor",
        )
    return (in_shell(facts, f"{python_of(facts)} -m pip install {what}"),)


def _packages_for_environments(facts: Facts) -> tuple[str, ...]:
    """Debian and Ubuntu keep the part of their own Python that makes environments in a package of its own."""
    own = DEBIAN_PYTHON.fullmatch(facts.python.executable)
    return install_packages(facts, {"apt": f"{own[1]}-venv"}) if own else ()


def _this_program(facts: Facts) -> str:
    """What pip takes to install this program once more: its checkout, else its name and version."""
    if facts.python.checkout:
        return shlex.quote(facts.python.checkout)
    version = facts.python.packages.get("sherfctl", "")
    return f'"sherfctl=={version}"' if version else "sherfctl"


def install_python(facts: Facts) -> tuple[str, ...]:
    """Install a Python that is new enough beside the one that is there."""
    if facts.python.manager == "conda":
        return ("$ conda create --name sherf python=3.12", "$ conda activate sherf")
    if facts.platform.distribution_id == "ubuntu":
        # Ubuntu's own Python is older than 3.10 up to 20.04; this archive has newer ones for all releases.
        ready = install_packages(facts, {"apt": "software-properties-common"})
        archive = as_root(facts, "add-apt-repository ppa:deadsnakes/ppa")
        return (*ready, archive, *install_packages(facts, {"apt": "python3.12 python3.12-venv"}))
    names = {"dnf": "python3.12", "zypper": "python312", "pacman": "python", "apk": "python3"}
    return install_packages(facts, names) or (
        "install Python 3.12, with Miniforge (https://github.com/conda-forge/miniforge) or by the system's packages",
    )


def torch_requirement(facts: Facts) -> str:
    """The newest torch whose default build serves this machine's driver and GPUs; "" if there is none, or not known.

    Without a GPU, any torch from the oldest supported one on does.
    """
    gpus = [device.capability for device in facts.gpu.devices if device.capability is not None]
    if not facts.gpu.devices:
        return OLDEST_TORCH
    if not _builds_are_known(facts):
        return ""
    release = torch_for(
        facts.gpu.driver,
        facts.gpu.cuda_driver,
        windows=bool(facts.platform.wsl),
        capabilities=gpus,
        python=facts.python.version,
    )
    return f"torch=={release.torch}.*" if release else ""


def no_torch_serves(facts: Facts) -> bool:
    """Whether the driver is too old, or a GPU too old or too new, for every torch whose builds are known."""
    return _builds_are_known(facts) and not torch_requirement(facts)


def _builds_are_known(facts: Facts) -> bool:
    return facts.platform.machine in {"", "x86_64", "AMD64"}


def install_torch(facts: Facts, *, replace: bool = False) -> tuple[str, ...]:
    """Install the torch that serves this machine; with `replace`, in place of the one that is there.

    The one that is there goes first: pip takes a CPU build of the same version for a match and would keep it.
    """
    requirement = torch_requirement(facts)
    if not requirement:
        return (f"choose a build for this machine: {TORCH_SITE}",)
    uninstall = in_shell(facts, f"{python_of(facts)} -m pip uninstall --yes torch")
    fresh = facts.python.manager == "system" and not (facts.platform.container or facts.platform.notebook)
    steps = (*((uninstall,) if replace and not fresh else ()), *pip_install(facts, requirement))
    # A notebook's process keeps the torch that it has imported.
    return (*steps, *((f"then {session}",) if (session := RESTART_SESSION.get(facts.platform.notebook)) else ()))


def update_driver(facts: Facts) -> tuple[str, ...]:
    """Install a newer NVIDIA driver; () where only the operator of the machine can."""
    if facts.platform.notebook in {"colab", "kaggle"}:
        return ()
    if facts.platform.wsl:
        return (f"in Windows: install the newest NVIDIA driver ({DRIVER_SITE})", "PS> wsl --shutdown")
    if facts.platform.container:
        return (f"on the host of the container: install a newer NVIDIA driver ({DRIVER_SITE})",)
    if facts.platform.scheduler:
        return ("ask the administrators of the cluster for a newer NVIDIA driver, or choose another partition",)
    distribution = facts.platform.distribution_id
    commands = DRIVER_COMMANDS.get(distribution, ())
    if not commands:
        return (f"install NVIDIA's driver for {facts.platform.distribution or 'this system'}: {DRIVER_SITE}",)
    remark = DRIVER_REMARKS.get(distribution, "")
    return (*((remark,) if remark else ()), *(as_root(facts, command) for command in commands), *restart(facts))


def restart(facts: Facts) -> tuple[str, ...]:
    """Start the machine anew, or what stands for it."""
    if facts.platform.notebook == "colab":
        return ("Runtime > Disconnect and delete runtime, then connect again",)
    if facts.platform.notebook == "kaggle":
        return (RESTART_SESSION["kaggle"],)
    if facts.platform.wsl:
        return ("PS> wsl --shutdown",)
    if facts.platform.container == "kubernetes":
        return ("delete the pod, so that it is made anew",)
    if facts.platform.container:
        return (f"on the host: {_engine(facts)} restart CONTAINER",)
    return (as_root(facts, "reboot"),)


def give_gpu_to_container(facts: Facts) -> tuple[str, ...]:
    """Start the container with the GPU."""
    kind = facts.platform.container
    if kind == "kubernetes":
        return ("give the pod a GPU, under resources.limits of its container: nvidia.com/gpu: 1",)
    if kind == "podman":
        return ("start it with the GPU: podman run --device nvidia.com/gpu=all …",)
    if kind == "lxc":
        return ("on the host: lxc config set CONTAINER nvidia.runtime=true && lxc config device add CONTAINER gpu gpu",)
    return (
        "start it with the GPU: docker run --gpus all --ipc=host …",
        f"if docker then knows no such option: install the NVIDIA Container Toolkit ({CONTAINER_TOOLKIT_SITE})",
    )


def ask_scheduler(facts: Facts, gpus: int = 1) -> tuple[str, ...]:
    """Start a job that has GPUs."""
    return {
        "slurm": (f"$ srun --gres=gpu:{gpus} --pty bash    # or #SBATCH --gres=gpu:{gpus} in the job's script",),
        "pbs": (f"$ qsub -I -l select=1:ngpus={gpus}",),
        "lsf": (f'$ bsub -gpu "num={gpus}" -Is bash',),
    }.get(facts.platform.scheduler, ())


def choose_accelerator(facts: Facts) -> tuple[str, ...]:
    """The menu of a hosted notebook that gives it a GPU."""
    return {
        "colab": ("in Colab: Runtime > Change runtime type > T4 GPU",),
        "kaggle": ("in Kaggle: Settings > Accelerator > GPU T4 x2",),
    }.get(facts.platform.notebook, ())


def unset_variable(facts: Facts, name: str) -> str:
    """Take a variable out of the environment."""
    if facts.platform.notebook:
        return f"in a cell, before torch is imported: import os; os.environ.pop('{name}', None)"
    return f"$ unset {name}"


def set_variable(facts: Facts, name: str, value: str) -> str:
    """Put a variable into the environment."""
    if facts.platform.notebook:
        return f"in a cell, before torch is imported: import os; os.environ['{name}'] = '{value}'"
    return f"$ export {name}={shlex.quote(value) if value else ''}"


def without_folders(facts: Facts, unwanted: Callable[[str], bool]) -> str:
    """LD_LIBRARY_PATH without some folders."""
    kept = [folder for folder in facts.toolkit.library_path.split(":") if folder and not unwanted(folder)]
    return set_variable(facts, "LD_LIBRARY_PATH", ":".join(kept)) if kept else unset_variable(facts, "LD_LIBRARY_PATH")


def _engine(facts: Facts) -> str:
    return "podman" if facts.platform.container == "podman" else "docker"
