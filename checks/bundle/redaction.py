"""Takes out of texts and nested values what names a person or a machine, or opens a door.

Each thing gets a placeholder (`<home>`, `<user>`, `<ip-1>`, …) that stays the same in all that one Redactor has seen,
so that a reader can still tell that two lines speak of the same one.

What can be known from its shape (tokens, addresses, credentials in URLs) is found by patterns (`patterns.py`). Names of
people and machines have no shape: they are learned first, from the environment, from home folders in paths, and from
fields that hold such names. Encoded forms (URL, JSON) are decoded, word by word, and looked through again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from checks.bundle import patterns
from checks.bundle.addresses import replace_addresses

# Names that many machines have: they say nothing, and as words they stand everywhere.
COMMON_WORDS = """
    root user users ubuntu admin administrator home colab kaggle jovyan docker podman vagrant debian
    fedora centos node host localhost nobody none null true false runner linux windows default public
    python torch cuda nvidia gpu data work content shared all ec2-user local localdomain internal slurm
    pbs lsf aws gcp azure conda venv system apt sherf sherfctl smpl demo renderpeople thuman humman eval
    train quick normal deep snapshot
"""
COMMON_NAMES = frozenset(COMMON_WORDS.split())
SHORTEST_NAME = 3
"""Shorter names are replaced in paths only: as words they would tear other words apart."""
SHORTEST_SECRET = 6
DEEPEST_ENCODING = 3
CODE_POINT = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")


class Redactor:
    """Replaces secrets and names.

    Args:
        homes: home folders that are known to be this user's.
        users: names of people and of accounts.
        hosts: names of machines, with or without domain.
        secrets: texts that are secret wherever they stand.
        fields: names of fields that stay as they are, whatever they look like.
    """

    def __init__(
        self,
        *,
        homes: Iterable[str] = (),
        users: Iterable[str] = (),
        hosts: Iterable[str] = (),
        secrets: Iterable[str] = (),
        fields: Collection[str] = (),
    ) -> None:
        self._numbers: dict[str, dict[str, int]] = {}
        self._names: dict[str, str] = {}
        self._homes: set[str] = set()
        self._secrets = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        self._fields = frozenset(fields)
        for home in homes:
            self._learn_home(home)
        for user in users:
            self._learn_name("user", user)
        for host in hosts:
            self._learn_host(host)

    def learn(self, value: Any) -> None:
        """Remember the names that a text or a nested value gives away; before the first thing is redacted."""
        if isinstance(value, Mapping):
            for key, item in value.items():
                if isinstance(item, str) and patterns.NAME_KEY.fullmatch(str(key)):
                    self._learn_name("user", item)
                if isinstance(item, str) and patterns.HOST_KEY.fullmatch(str(key)):
                    self._learn_host(item)
                self.learn(str(key))
                self.learn(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.learn(item)
        elif isinstance(value, str):
            for text in (value, *_decoded_forms(value)):
                for pattern in (patterns.WINDOWS_HOME, patterns.HOME, patterns.NAME_SETTING):
                    for match in pattern.finditer(text):
                        self._learn_name("user", match["name"] or "")
                for match in patterns.HOST_SETTING.finditer(text):
                    self._learn_host(match["name"])

    def value(self, value: Any, *, key: str = "") -> Any:
        """The value with every text in it redacted, names of fields too; other types stay as they are."""
        if isinstance(value, Mapping):
            inner = "version" if key == "packages" else ""
            return {self._field(str(name)): self.value(item, key=inner or str(name)) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item, key=key) for item in value]
        if not isinstance(value, str):
            return value
        if value and key not in self._fields and patterns.SECRET_KEY.fullmatch(key):
            return patterns.SECRET
        if patterns.VERSION_KEY.fullmatch(key) and patterns.VERSION.fullmatch(value):
            return value
        return self.text(value)

    def text(self, text: str) -> str:
        """The text with everything replaced; a word that was encoded and held something stands there decoded."""
        return patterns.PIECE.sub(lambda match: self._word(match.group()), self._plain(text))

    def _field(self, name: str) -> str:
        return name if name in self._fields else self.text(name)

    def _word(self, word: str) -> str:
        """A word without spaces, with what its encoded forms hide replaced."""
        text, changed = word, False
        for _ in range(DEEPEST_ENCODING):
            form = _decoded(text)
            if form == text:
                break
            text = self._plain(form)
            changed |= text != form
        return text if changed else word

    def _plain(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = re.sub(re.escape(secret), patterns.SECRET, text, flags=re.IGNORECASE)
        text = patterns.PRIVATE_KEY.sub(patterns.SECRET, text)
        text = patterns.AUTHORIZATION.sub(patterns.without_authorization, text)
        text = patterns.URL_CREDENTIALS.sub(r"\g<1><credentials>@", text)
        text = patterns.SETTING.sub(patterns.without_value, text)
        text = patterns.OPTION.sub(rf"\g<1>{patterns.SECRET}", text)
        text = patterns.TOKEN.sub(patterns.SECRET, text)
        text = patterns.EMAIL.sub(lambda match: self._placeholder("email", match.group()), text)
        text = patterns.GPU_UUID.sub(self._gpu, text)
        text = patterns.UUID.sub(lambda match: self._placeholder("uuid", match.group()), text)
        text = patterns.MAC.sub(lambda match: self._placeholder("mac", match.group()), text)
        text = replace_addresses(text, lambda address: self._placeholder("ip", address))
        for home in sorted(self._homes, key=len, reverse=True):
            text = re.sub(rf"{re.escape(home)}(?![\w-])", "<home>", text, flags=re.IGNORECASE)
        for pattern in (patterns.WINDOWS_HOME, patterns.HOME):
            text = pattern.sub(self._home, text)
        text = patterns.NAME_SETTING.sub(self._setting_of_name, text)
        for name, placeholder in sorted(self._names.items(), key=lambda item: -len(item[0])):
            text = _standing_alone(name).sub(placeholder, text)
        return text

    def _home(self, match: re.Match[str]) -> str:
        name = match["name"] or match.group()
        return match.group() if name.startswith("<") else self._placeholder("home", name, first="<home>")

    def _gpu(self, match: re.Match[str]) -> str:
        # What kind of id it is stays: the rules ask for it.
        return match.group()[:4] + self._placeholder("gpu", match.group())

    def _setting_of_name(self, match: re.Match[str]) -> str:
        name = match["name"]
        if name.lower() in COMMON_NAMES:
            return match.group()
        return match[1] + (self._names.get(name.lower()) or self._placeholder("user", name, first="<user>"))

    def _learn_home(self, home: str) -> None:
        home = home.rstrip("/\\")
        if len(home) > 1:
            self._homes.add(home)
            self._learn_name("user", re.split(r"[/\\]", home)[-1])

    def _learn_host(self, host: str) -> None:
        parts = host.split(".")
        # The whole name, the machine's own, and each domain that it is in, but for the last one.
        for name in (host, parts[0], *(".".join(parts[start:]) for start in range(1, len(parts) - 1))):
            self._learn_name("host", name)

    def _learn_name(self, kind: str, name: str) -> None:
        name = name.strip(" .,").lower()
        common = name in COMMON_NAMES or name in self._fields
        if len(name) < SHORTEST_NAME or common or not any(letter.isalpha() for letter in name) or "<" in name:
            return
        if name not in self._names:
            self._names[name] = self._placeholder(kind, name, first=f"<{kind}>")
        for part in name.split():
            if part != name:
                self._learn_name(kind, part)

    def _placeholder(self, kind: str, original: str, first: str = "") -> str:
        numbers = self._numbers.setdefault(kind, {})
        number = numbers.setdefault(original.lower(), len(numbers) + 1)
        return first if first and number == 1 else f"<{kind}-{number}>"


def _decoded(text: str) -> str:
    """The text with one layer of URL and JSON escapes taken away."""
    plain = CODE_POINT.sub(lambda match: chr(int(match[1] or match[2], 16)), unquote(text))
    return plain.replace("\\/", "/").replace('\\"', '"').replace("\\\\", "\\")


def _decoded_forms(text: str) -> Iterator[str]:
    for _ in range(DEEPEST_ENCODING):
        form = _decoded(text)
        if form == text:
            return
        yield form
        text = form


def _standing_alone(name: str) -> re.Pattern[str]:
    """The name where it is a word; digits and `_` part it from other words, letters do not."""
    return re.compile(rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_])", re.IGNORECASE)
