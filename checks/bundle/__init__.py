"""The bundle for bug reports: what helps to understand a trouble, without what says who has it."""

from checks.bundle.bundle import write_bundle
from checks.bundle.redaction import Redactor

__all__ = ["Redactor", "write_bundle"]
