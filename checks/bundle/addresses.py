"""Internet addresses in texts, told apart from version numbers and times of day."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

IPV4 = re.compile(r"(?<!\d)(?<!\d\.)(?<!so\.)\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")
# `ip-10-0-1-2`, as Amazon names its machines.
DASHED = re.compile(r"(?i)(?<![a-z0-9])ip-\d{1,3}(?:-\d{1,3}){3}(?!\d)")
IPV6 = re.compile(r"(?i)(?<![a-z0-9:.])[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:]*(?:\d{1,3}(?:\.\d{1,3}){3})?(?![a-z0-9:]|\.\d)")
# A version of four numbers looks like an address; what stands before or after tells.
VERSION_BEFORE = re.compile(
    r"(?i)(?:[=~!<>]=\s*|\bv|versions?\W{1,3}|drivers?\W{1,3}|release\W{1,3}|cudnn\W{1,2}|cublas\W{1,2}|nccl\W{1,2}|"
    r"library\W{1,2}|(?:compiled|built) (?:with|for)\W{1,2})$"
)
VERSION_AFTER = re.compile(r"(?:[-.](?:py\d|cp\d|dist-info|tar|whl|zip|post|dev|rc))")
HARMLESS = {"0.0.0.0", "127.0.0.1", "255.255.255.255"}


def replace_addresses(text: str, placeholder: Callable[[str], str]) -> str:
    """The text with each address replaced by `placeholder(address)`; versions and loopback addresses stay."""
    text = DASHED.sub(lambda match: placeholder(match.group()[3:].replace("-", ".")), text)
    # IPv6 first: its last part may be an IPv4 address.
    text = IPV6.sub(lambda match: _six(match, placeholder), text)
    return IPV4.sub(lambda match: _four(match, placeholder), text)


def _six(match: re.Match[str], placeholder: Callable[[str], str]) -> str:
    address = match.group()
    if not any(letter.isdigit() for letter in address):
        return address  # `::` alone, or names joined by colons
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return address if parsed.is_loopback else placeholder(str(parsed))


def _four(match: re.Match[str], placeholder: Callable[[str], str]) -> str:
    address = match.group()
    numbers = [int(number) for number in address.split(".")]
    if max(numbers) > 255 or address in HARMLESS:
        return address
    if VERSION_BEFORE.search(match.string, max(0, match.start() - 24), match.start()):
        return address
    if VERSION_AFTER.match(match.string, match.end()):
        return address
    return placeholder(address)
