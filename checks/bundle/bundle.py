"""Writes the bundle: a zip with the diagnosis, the facts and what happened before, all of it redacted."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from checks.bundle import patterns
from checks.bundle.redaction import Redactor
from checks.new_files import refuse_existing
from checks.snapshots import SNAPSHOT_FORMAT
from sherf_core.io.atomic import atomic_write

CRASHES = 3
CRASH_LINES = 200
RUN_SETTINGS = ("runs/*/run.json", "demo-output/run.json")
# Variables that change how the program runs; the bundle says which of them are set, not to what.
RELEVANT_PREFIXES = ("CUDA", "NVIDIA_", "NCCL_", "TORCH", "PYTORCH_", "OMP_", "MKL_", "SHERFCTL_", "SLURM_", "PYTHON")
RELEVANT = ("LD_LIBRARY_PATH", "LD_PRELOAD", "VIRTUAL_ENV", "CONDA_PREFIX", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
USER_VARIABLES = (
    *("USER", "LOGNAME", "USERNAME", "SUDO_USER", "SLURM_JOB_USER", "SLURM_JOB_ACCOUNT", "SBATCH_ACCOUNT"),
    *("SALLOC_ACCOUNT", "KAGGLE_USERNAME", "JUPYTERHUB_USER", "WANDB_USERNAME", "GIT_AUTHOR_NAME"),
)
HOST_VARIABLES = ("HOSTNAME", "HOST", "COMPUTERNAME", "NAME", "SLURMD_NODENAME", "SLURM_SUBMIT_HOST")
HOME_VARIABLES = ("HOME", "USERPROFILE")
README = """\
A bundle for a bug report about sherfctl.

doctor.json      the whole diagnosis; `facts` in it is what was observed
facts.json       the facts alone: `sherfctl doctor --snapshot facts.json` diagnoses them again
packages.txt     installed Python packages
environment.txt  which variables that change how the program runs are set, without their values
run.json         settings of the last run, if there was one
crash-N.txt      ends of the last tracebacks, if there were any

No data, no weights. Home folders, names of users and machines, addresses, tokens, passwords and ids of GPUs are
replaced by words in angle brackets. Look through it before you send it.
"""


def write_bundle(
    path: Path,
    document: Mapping[str, Any],
    *,
    crashes: Iterable[Path] = (),
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> list[str]:
    """Write the zip, atomically.

    Args:
        path: the file to make; one that is there is refused.
        document: the doctor's whole JSON document.
        crashes: saved tracebacks, newest first.
        environment: where names and secrets are learned from; only names of variables are written.
        folder: where runs are looked for, default the current folder.

    Returns:
        the names of the files in it.

    Raises:
        ConfigurationError: `path` is there already.
        OSError: it cannot be written.
    """
    refuse_existing(path)
    run = _last_run(Path() if folder is None else folder)
    tails = [_tail(crash) for crash in list(crashes)[:CRASHES]]
    redactor = redactor_of(environment, fields=_fields(document))
    for value in (document, run, tails):
        redactor.learn(value)
    redacted = redactor.value(document)
    members = {
        "README.txt": README,
        "doctor.json": _json(redacted),
        "facts.json": _json({"format": SNAPSHOT_FORMAT, "facts": redacted["facts"]}),
        "packages.txt": "\n".join(redactor.text(line) for line in installed_packages()) + "\n",
        "environment.txt": "\n".join(relevant_variables(environment)) + "\n",
    }
    if run is not None:
        members["run.json"] = _json(redactor.value(run))
    members |= {f"crash-{number}.txt": redactor.text(tail) for number, tail in enumerate(tails, 1) if tail}
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text.encode("utf-8", "backslashreplace"))
    return list(members)


def redactor_of(environment: Mapping[str, str], *, fields: Iterable[str] = ()) -> Redactor:
    """A redactor that knows the names of this user and this machine, and the secrets in the environment."""
    users = [environment[name] for name in USER_VARIABLES if environment.get(name)]
    homes = [environment[name] for name in HOME_VARIABLES if environment.get(name)]
    with contextlib.suppress(ImportError, KeyError, OSError):  # no such database, or no entry in it (containers)
        import pwd

        entry = pwd.getpwuid(os.getuid())
        users += [entry.pw_name, entry.pw_gecos.partition(",")[0]]
        homes.append(entry.pw_dir)
    return Redactor(
        homes=homes,
        users=users,
        hosts=[platform.node(), *(environment[name] for name in HOST_VARIABLES if environment.get(name))],
        secrets=[value for name, value in environment.items() if patterns.SECRET_KEY.fullmatch(name) and name != "PWD"],
        fields=frozenset(fields),
    )


def installed_packages() -> list[str]:
    """`name==version` of every installed distribution, sorted."""
    found = set()
    for distribution in metadata.distributions():
        with contextlib.suppress(Exception):  # broken metadata: the other packages are worth more than an error
            found.add(f"{distribution.metadata['Name']}=={distribution.version}")
    return sorted(found, key=str.lower)


def relevant_variables(environment: Mapping[str, str]) -> list[str]:
    """Names of the variables that are set and change how the program runs."""
    return sorted(name for name in environment if name in RELEVANT or name.startswith(RELEVANT_PREFIXES))


def _last_run(folder: Path) -> Any:
    """The settings that the last run has recorded; None where there are none."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        candidates = [path for pattern in RUN_SETTINGS for path in folder.glob(pattern)]
        if candidates:
            return json.loads(max(candidates, key=lambda path: path.stat().st_mtime).read_text(encoding="utf-8"))
    return None


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join([*lines[:1], *lines[1:][-CRASH_LINES:]]) + "\n" if lines else ""


def _fields(document: Mapping[str, Any]) -> set[str]:
    """Names of the document's fields; a package or a user of the same name changes nothing about them."""
    from checks.document import schema

    names: set[str] = set()
    _collect(schema(), names)
    return names | set(document.get("groups", ()))


def _collect(node: Any, names: set[str]) -> None:
    if isinstance(node, Mapping):
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            names |= set(properties)
        for item in node.values():
            _collect(item, names)
    elif isinstance(node, list):
        for item in node:
            _collect(item, names)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"
