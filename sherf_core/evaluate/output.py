"""Writes what an evaluation leaves behind, besides the pictures: metrics.json and report.html."""

from __future__ import annotations

from typing import Any

from sherf_core.evaluate.document import Circumstances, document_of
from sherf_core.evaluate.report import report_page
from sherf_core.evaluate.runner import Evaluation
from sherf_core.evaluate.store import METRICS, REPORT, RunFolder
from sherf_core.io.atomic import write_json, write_text


def write_output(evaluation: Evaluation, folder: RunFolder, circumstances: Circumstances) -> dict[str, Any]:
    """Write both files atomically, metrics.json first, and return its content."""
    document = document_of(evaluation, folder, circumstances)
    write_json(folder.path / METRICS, document)
    write_text(folder.path / REPORT, report_page(evaluation, document, folder))
    return document
