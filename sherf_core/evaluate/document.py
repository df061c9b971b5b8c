"""`metrics.json`: everything that an evaluation found, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sherf_core.data.discover import WeightKind
from sherf_core.data.subjects import LIST_NAME
from sherf_core.evaluate.protocol import TITLES, Plan, Task
from sherf_core.evaluate.results import Averages, averages, averages_by_subject
from sherf_core.evaluate.runner import Evaluation
from sherf_core.evaluate.store import RunFolder
from sherf_core.metrics.suite import METRICS, UNITS

FORMAT = 1

HONEST = {
    WeightKind.CHECKPOINT: "",
    WeightKind.DEMO: "demo weights: a short fit on generated people, made to show that everything runs; "
    "do not compare these figures with the paper's",
    WeightKind.UNTRAINED: "untrained weights: pictures are noise, or empty",
}
"""What pictures of each kind of weights are worth, in words."""

PROTOCOLS = {
    "region": "pixels whose rays meet the box of the posed body, padded by 0.05 m; SSIM and LPIPS on its bounding "
    "rectangle, black outside the region",
    "truth": "black outside the person's mask and outside the projection of the body's box (padded by 0.05 m; THuman "
    "and HuMMan: not padded); ZJU-MoCap: black also in a band of 5 pixels along the mask's edge, as stored",
    "paper": "the published evaluation: PSNR with data range 1; SSIM with data range 2, uniform 7x7 window, mean over "
    "channels; LPIPS (VGG16) on images in 0..1",
    "standard": "PSNR with data range 1 (the same number); SSIM with data range 1; LPIPS (VGG16) on images in -1..1",
    "averages": "mean over images of the finite values; identical images (infinite PSNR) and what could not be "
    "measured have value null, are left out and counted by their reason",
}


@dataclass(frozen=True)
class Circumstances:
    """How an evaluation was run; all of it plain JSON values.

    Attributes:
        weights: where the weights come from, and so what the pictures are worth.
        sources: paths and SHA-256 of data, body, weights and VGG.
        machine: profile, device, precision.
        versions: of the programs.
    """

    weights: WeightKind
    sources: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def document_of(evaluation: Evaluation, folder: RunFolder, circumstances: Circumstances) -> dict[str, Any]:
    """The content of metrics.json: strict JSON, no NaN and no infinity."""
    plan = evaluation.plan
    total = averages(evaluation.results)
    rendered = [result.seconds for result in evaluation.results]
    return {
        "format": FORMAT,
        "summary": summary_line(total, circumstances.weights),
        "warning": HONEST[circumstances.weights],
        "notes": notes_of(plan, circumstances.weights),
        "total": averages_document(total),
        "subjects": {name: averages_document(of) for name, of in averages_by_subject(evaluation.results).items()},
        "images": [
            {**result.as_dict(), "picture": folder.image_path(result.item).relative_to(folder.path).as_posix()}
            for result in evaluation.results
        ],
        "dataset": {
            "name": plan.dataset,
            "subjects": list(plan.subjects),
            "images": len(plan.items),
            "images_without_limit": plan.total,
            "missing_frames": plan.missing,
            "skipped_images": plan.skipped,
        },
        "protocol": {**PROTOCOLS, "units": UNITS},
        "weights": circumstances.weights.value,
        "sources": dict(circumstances.sources),
        "machine": dict(circumstances.machine),
        "versions": dict(circumstances.versions),
        "settings": dict(folder.settings),
        "fingerprint": folder.fingerprint,
        "seconds": {
            "this_run": round(evaluation.seconds, 2),
            "render_mean": round(sum(rendered) / len(rendered), 3) if rendered else None,
            "encode_mean": _mean(evaluation.encode_seconds),
            "device_busy": None if evaluation.device_busy is None else round(evaluation.device_busy, 3),
            "images_from_an_earlier_run": evaluation.resumed,
        },
    }


def notes_of(plan: Plan, weights: WeightKind) -> list[str]:
    """What a reader of the figures has to know besides them."""
    notes = []
    alone = dict.fromkeys(item.subject for item in plan.items if item.observation == item.target)
    if alone:
        notes.append(
            f"one picture only, rendered from its own view, which tells nothing of new views: {', '.join(alone)}"
        )
    if plan.chosen:
        notes.append("subjects chosen by name, so these are not the split's own figures")
    # The demo weights were fitted on people of their own, and untrained ones have seen nobody.
    if plan.training and weights is WeightKind.CHECKPOINT:
        notes.append(
            f"in the split's training set, so weights trained on it have seen them: {', '.join(plan.training)}"
        )
    if plan.unlisted:
        notes.append(f"no {LIST_NAME} was found: people are taken in the order of their folders' names")
    if plan.missing:
        notes.append(f"{plan.missing} frames are missing on disk; {plan.skipped} pictures were skipped because of them")
    if len(plan.items) < plan.total:
        notes.append(f"the first {len(plan.items)} of {plan.total} pictures (--limit)")
    return notes


def averages_document(found: Averages) -> dict[str, Any]:
    """Averages as plain JSON values."""
    return {
        task: {
            protocol: {name: asdict(average) for name, average in of_protocol.items()}
            for protocol, of_protocol in of_task.items()
        }
        for task, of_task in found.items()
    }


def summary_line(total: Averages, weights: WeightKind) -> str:
    """The result in one line, in the paper's protocol, with the honest word in front when there is one to say."""
    parts = []
    for task in Task:
        if task.value in total:
            paper = total[task.value]["paper"]
            figures = ", ".join(f"{name.upper()} {number(name, paper[name].mean)}" for name in METRICS)
            count = max(average.count + sum(average.left_out.values()) for average in paper.values())
            parts.append(f"{TITLES[task].lower()} ({count} images): {figures}")
    honest = HONEST[weights].split(":")[0] if weights is WeightKind.DEMO else HONEST[weights]
    line = "; ".join(parts)
    return f"{honest}. {line}" if honest else line


def number(metric: str, value: float | None) -> str:
    """A figure with the digits that its metric deserves."""
    if value is None:
        return "not measured"
    return f"{value:.2f} dB" if metric == "psnr" else f"{value:.4f}"


def _mean(values: tuple[float, ...]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None
