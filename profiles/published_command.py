"""A published long command line, taken apart: program, environment, options. Nothing is run."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePath

from sherf_core.errors import ConfigurationError

SCRIPT = "train.py"
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
PYTHON = re.compile(r"python(\d(\.\d+)?)?(\.exe)?")
WRAPPERS = {"torchrun", "sudo", "nohup", "time", "env", "srun", "accelerate", "launch"}
EXAMPLE = "sherfctl profiles from-command 'python -u train.py --outdir=logs --cfg=RenderPeople --gpus=1 --batch=4'"


@dataclass(frozen=True)
class PublishedCommand:
    """A command line of the published code.

    Attributes:
        options: in their order; an option without a value has "True".
        environment: variables set in front of the program.
        wrapper: what started it besides python (`torchrun`, …), with the wrapper's own options; "" for nothing.
        processes: processes a computer that the wrapper was told to start, None if it was not.
        strays: words that belong to no option.
    """

    options: dict[str, str]
    environment: dict[str, str]
    wrapper: str
    processes: int | None
    strays: tuple[str, ...]

    def value(self, *names: str) -> str | None:
        """The value of the first of these options that is there."""
        return next((self.options[name] for name in names if name in self.options), None)

    @property
    def visible_gpus(self) -> int | None:
        """How many GPUs CUDA_VISIBLE_DEVICES lets through, None where it is not set."""
        visible = self.environment.get("CUDA_VISIBLE_DEVICES")
        return None if visible is None else len([part for part in visible.split(",") if part.strip()])


def parse_command(text: str) -> PublishedCommand:
    """Take a command line apart; quotes, line continuations and `--name value` as well as `--name=value`.

    Raises:
        ConfigurationError: it is no command line of train.py.
    """
    joined = re.sub(r"\\\s*\r?\n", " ", text.strip()).removeprefix("$ ").removeprefix("!")
    try:
        words = shlex.split(joined)
    except ValueError as error:
        raise ConfigurationError(
            f"the command line cannot be taken apart: {error}", fix="put the whole command into one pair of quotes"
        ) from error
    place = next((index for index, word in enumerate(words) if PurePath(word).name == SCRIPT), None)
    if place is None:
        raise ConfigurationError(
            f"there is no {SCRIPT} in this command line",
            expected=f"a command as it was published: {EXAMPLE}",
            fix="paste the whole command",
        )
    environment, wrapper, processes = _before(words[:place])
    options, strays = _options(words[place + 1 :])
    return PublishedCommand(options, environment, wrapper, processes, strays)


def _before(words: list[str]) -> tuple[dict[str, str], str, int | None]:
    environment = {}
    wrapper = []
    processes = None
    for index, word in enumerate(words):
        if ASSIGNMENT.match(word):
            name, _, value = word.partition("=")
            environment[name] = value
        elif PurePath(word).name in WRAPPERS or word.startswith("torch.distributed"):
            wrapper.append(PurePath(word).name)
        found = re.match(r"--nproc[_-]per[_-]node(?:=(\d+))?$", word)
        if found:
            number = found.group(1) or (words[index + 1] if index + 1 < len(words) else "")
            processes = int(number) if number.isdigit() else None
    return environment, " ".join(wrapper), processes


def _options(words: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    options: dict[str, str] = {}
    strays = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word in {"&&", "||", ";", "|", ">", ">>", "2>&1", "&"}:
            break
        if not word.startswith("--"):
            strays.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals:
            follows = index < len(words) and not words[index].startswith("--")
            value = words[index] if follows else "True"
            index += follows
        options[name] = value
    return options, tuple(strays)
