"""Collector for the CUDA toolkit and for libraries that stand before torch's own; `root` is replaced in tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from checks.facts.reading import ROOT, inside, names_in, text_of
from checks.facts.records import ToolkitFacts

# The names under which libraries are loaded: one number after .so (libcudnn.so.9), not the files behind the links.
SHADOWING = re.compile(r"lib(cudnn|cublas|nccl)\w*\.so\.\d+")
USUAL_HOME = "/usr/local/cuda"
DEFINE = re.compile(r"#\s*define\s+CUDA_VERSION\s+(\d+)")
IN_NAME = re.compile(r"cuda-(\d+\.\d+)")
NUMBER = re.compile(r"\d+\.\d+")


def toolkit_facts(
    root: Path = ROOT, environment: Mapping[str, str] | None = None, prefix: str = sys.prefix
) -> ToolkitFacts:
    """The compiler, where it is expected, shadowing libraries, and the locks of unfinished builds.

    Args:
        root: where the file system is.
        environment: environment variables, default the process's.
        prefix: the environment whose own libraries are no shadow of anything.
    """
    environment = os.environ if environment is None else environment
    home = environment.get("CUDA_HOME") or environment.get("CUDA_PATH")
    nvcc = _nvcc(root, environment, home)
    return ToolkitFacts(
        nvcc=nvcc,
        nvcc_version=_version(root, nvcc) if nvcc else "",
        cuda_home=home,
        cuda_home_exists=bool(home) and os.path.isdir(inside(root, home or "")),
        library_path=environment.get("LD_LIBRARY_PATH", ""),
        shadowing=_shadowing(root, environment, prefix),
        extension_locks=_extension_locks(root, environment),
    )


def _nvcc(root: Path, environment: Mapping[str, str], home: str | None) -> str:
    folders = [*environment.get("PATH", "").split(os.pathsep), *([f"{home}/bin"] if home else []), f"{USUAL_HOME}/bin"]
    for folder in folders:
        if folder.startswith("/") and shutil.which("nvcc", path=str(inside(root, folder))):
            return f"{folder.rstrip('/')}/nvcc"
    return ""


def _version(root: Path, nvcc: str) -> str:
    """The toolkit's version by the files beside the compiler, which is not started."""
    home = Path(os.path.realpath(inside(root, nvcc))).parent.parent
    try:
        parts = json.loads(text_of(home / "version.json"))
        for part in ("cuda_nvcc", "cuda"):
            if part in parts:
                return ".".join(str(parts[part]["version"]).split(".")[:2])
    except (ValueError, TypeError, KeyError):
        pass  # not there, or not as it should be: the other places know as well
    number = NUMBER.search(text_of(home / "version.txt"))
    if number:
        return number[0]
    for header in ("include/cuda.h", "targets/x86_64-linux/include/cuda.h"):
        define = DEFINE.search(text_of(home / header))
        if define:
            return f"{int(define[1]) // 1000}.{int(define[1]) % 1000 // 10}"
    name = IN_NAME.search(str(home))
    return name[1] if name else ""


def _shadowing(root: Path, environment: Mapping[str, str], prefix: str) -> tuple[str, ...]:
    found = []
    for folder in dict.fromkeys(environment.get("LD_LIBRARY_PATH", "").split(":")):
        # What pip put beside torch (site-packages/nvidia/cudnn/lib) is torch's own.
        if folder.startswith("/") and not folder.startswith(prefix.rstrip("/") + "/lib/python"):
            names = names_in(inside(root, folder))
            found += [f"{folder.rstrip('/')}/{name}" for name in names if SHADOWING.fullmatch(name)]
    return tuple(found)


def _extension_locks(root: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    told, cache, home = (environment.get(name) for name in ("TORCH_EXTENSIONS_DIR", "XDG_CACHE_HOME", "HOME"))
    if told:
        folder = told
    elif cache or home:
        folder = f"{cache or f'{home}/.cache'}/torch_extensions"
    else:
        return ()
    # FOLDER/NAME/lock where the folder was told, else FOLDER/py311_cu121/NAME/lock.
    try:
        locks = [lock for pattern in ("*/lock", "*/*/lock") for lock in inside(root, folder).glob(pattern)]
    except OSError:
        return ()
    return tuple(f"/{lock.relative_to(root)}" for lock in sorted(locks))
