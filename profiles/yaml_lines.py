"""Reads a YAML file together with the lines that its fields stand on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Field = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A file's content, the line of each field (counted from 1), and fields that are there twice."""

    content: Any
    lines: dict[Field, int]
    twice: tuple[Field, ...]

    def line(self, field: Field) -> int:
        """The line of a field; where it is missing, that of the section it belongs to."""
        while field and field not in self.lines:
            field = field[:-1]
        return self.lines.get(field, 1)


def read_document(text: str) -> Document:
    """Parse one YAML document; nothing in it is executed.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return Document(None, {}, ())
    lines: dict[Field, int] = {}
    twice = []
    for field, node in _fields(root, ()):
        if field in lines:
            twice.append(field)
        lines[field] = node.start_mark.line + 1
    return Document(yaml.safe_load(text), lines, tuple(twice))


def _fields(node: yaml.Node, path: Field) -> Iterator[tuple[Field, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            field = (*path, str(key.value))
            yield field, key
            yield from _fields(value, field)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*path, index), item
            yield from _fields(item, (*path, index))
