"""`report.html`: one file that shows what an evaluation found, the summary first."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from PIL import Image

from sherf_core.evaluate.document import number
from sherf_core.evaluate.protocol import TITLES, Task
from sherf_core.evaluate.report_style import STYLE
from sherf_core.evaluate.results import ItemResult
from sherf_core.evaluate.runner import Evaluation
from sherf_core.evaluate.store import IMAGES, METRICS, RunFolder
from sherf_core.metrics.suite import METRICS as METRIC_NAMES
from sherf_core.metrics.suite import UNITS

PICTURES = 24
"""At most so many pictures are embedded; all of them lie in the folder."""
PICTURE_HEIGHT = 256
JPEG_QUALITY = 88


def report_page(evaluation: Evaluation, document: Mapping[str, Any], folder: RunFolder) -> str:
    """The report as one self-contained HTML page.

    Args:
        evaluation: the finished evaluation.
        document: the content of metrics.json, as `document_of` makes it.
        folder: where the pictures lie.
    """
    title = f"SHERF evaluation: {document['dataset']['name']}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p class='quiet'>{escape(_subtitle(document))}</p>",
        *(f"<p class='banner'>{escape(text)}</p>" for text in [document["warning"]] if text),
        _cards(document["total"]),
        *(f"<p class='quiet'>Note: {escape(text)}.</p>" for text in document["notes"]),
        *(f"<p class='quiet'>{escape(text)}</p>" for text in _not_measured(document["total"])),
        _gallery(evaluation, folder),
        "<h2>Both protocols</h2>",
        _protocol_table(document["total"]),
        "<h2>By subject</h2>",
        _subject_table(document["subjects"]),
        "<h2>How it was measured</h2>",
        _facts({name.capitalize(): text for name, text in document["protocol"].items() if isinstance(text, str)}),
        "<h2>How it was run</h2>",
        _facts(_circumstances(document)),
    ]
    return (
        "<!doctype html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def _subtitle(document: Mapping[str, Any]) -> str:
    dataset, settings = document["dataset"], document["settings"]
    subjects, images = len(dataset["subjects"]), dataset["images"]
    size = settings.get("resolution")
    return (
        f"{images} picture{'s' * (images != 1)} of {subjects} {'person' if subjects == 1 else 'people'}"
        + (f" at {size}×{size} pixels" if size else "")
        + ", each made from one image"
    )


def _cards(total: Mapping[str, Any]) -> str:
    cards = []
    for task in Task:
        if task.value not in total:
            continue
        paper = total[task.value]["paper"]
        cells = "".join(
            f"<div><dt>{name.upper()}</dt><dd{'' if paper[name]['mean'] is not None else ' class=none'}>"
            f"{number(name, paper[name]['mean'])}</dd></div>"
            for name in METRIC_NAMES
        )
        cards.append(f"<div class='card'><h3>{TITLES[task]}</h3><dl class='figures'>{cells}</dl></div>")
    return f"<div class='cards'>{''.join(cards)}</div><p class='quiet'>{escape(_how_to_read())}</p>"


def _how_to_read() -> str:
    directions = "; ".join(f"{name.upper()}: {UNITS[name]}" for name in METRIC_NAMES)
    return f"Means over the pictures, in the protocol of the SHERF paper. {directions}."


def _not_measured(total: Mapping[str, Any]) -> list[str]:
    """One line for each reason why values are missing, with how many."""
    reasons: dict[tuple[str, str], int] = {}
    for of_task in total.values():
        for name, average in of_task["paper"].items():
            for reason, count in average["left_out"].items():
                reasons[name, reason] = reasons.get((name, reason), 0) + count
    return [
        f"{name.upper()} of {count} picture{'s' * (count != 1)}: {reason}." for (name, reason), count in reasons.items()
    ]


def _gallery(evaluation: Evaluation, folder: RunFolder) -> str:
    shown = spread(evaluation.results, PICTURES)
    parts = ["<h2>Pictures</h2>"]
    for task in Task:
        of_task = [result for result in shown if result.item.task is task]
        if of_task:
            figures = "".join(_figure(result, folder) for result in of_task)
            parts.append(f"<h3>{TITLES[task]}</h3><div class='gallery'>{figures}</div>")
    rest = len(evaluation.results) - len(shown)
    if rest:
        parts.append(f"<p class='quiet'>{rest} more pictures lie in the folder {IMAGES}/.</p>")
    return "".join(parts)


def spread(results: Sequence[ItemResult], count: int) -> list[ItemResult]:
    """At most `count` results, evenly spread over all of them, the first one included."""
    if len(results) <= count:
        return list(results)
    return [results[index * len(results) // count] for index in range(count)]


def _figure(result: ItemResult, folder: RunFolder) -> str:
    item = result.item
    paper = result.measurements["paper"]
    figures = ", ".join(
        f"{name.upper()} {number(name, paper[name].value)}" for name in METRIC_NAMES if paper[name].value is not None
    )
    caption = f"{item.subject}: pose {item.target_pose}, view {item.target_view}"
    seen = (
        f"input, prediction and truth of {caption}, seen in pose {item.observation_pose}, view {item.observation_view}"
    )
    return (
        "<figure><div class='panels'><span>input</span><span>prediction</span><span>truth</span></div>"
        f"<img alt='{escape(seen)}' src='{_embedded(folder, result)}'>"
        f"<figcaption>{escape(caption)}{f'<br>{escape(figures)}' if figures else ''}</figcaption></figure>"
    )


def _embedded(folder: RunFolder, result: ItemResult) -> str:
    """The stored picture as a data address, smaller when it is large."""
    with Image.open(folder.image_path(result.item)) as picture:
        small = picture.convert("RGB")
    if small.height > PICTURE_HEIGHT:
        width = round(small.width * PICTURE_HEIGHT / small.height)
        small = small.resize((width, PICTURE_HEIGHT), Image.Resampling.BOX)
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _protocol_table(total: Mapping[str, Any]) -> str:
    rows = [
        [f"{TITLES[Task(task)]}, {protocol}", *(number(name, of_protocol[name]["mean"]) for name in METRIC_NAMES)]
        for task, of_task in total.items()
        for protocol, of_protocol in of_task.items()
    ]
    return _table(["", *(name.upper() for name in METRIC_NAMES)], rows)


def _subject_table(subjects: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{subject}, {TITLES[Task(task)].lower()}",
            *(number(name, of_task["paper"][name]["mean"]) for name in METRIC_NAMES),
        ]
        for subject, of_subject in subjects.items()
        for task, of_task in of_subject.items()
    ]
    return _table(["Paper's protocol", *(name.upper() for name in METRIC_NAMES)], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    lines = "".join(
        f"<tr><td class='name'>{escape(row[0])}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def _circumstances(document: Mapping[str, Any]) -> dict[str, str]:
    dataset, seconds = document["dataset"], document["seconds"]
    facts = {"Weights": document["weights"], **_flat(document["sources"]), **_flat(document["machine"])}
    facts["Statistics"] = str(document["settings"].get("statistics", ""))
    facts["Missing frames"] = f"{dataset['missing_frames']} ({dataset['skipped_images']} pictures skipped)"
    facts["Time"] = f"{_duration(seconds['render_mean'])} a picture, once the person is encoded"
    if seconds["encode_mean"] is not None:
        facts["Time"] += f" (which took {_duration(seconds['encode_mean'])})"
    if seconds["device_busy"] is not None:
        facts["Time"] += f"; the GPU was at work {seconds['device_busy']:.0%} of the time"
    facts["Versions"] = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    facts["All figures"] = f"{METRICS}, run {document['fingerprint']}"
    return {name: text for name, text in facts.items() if text}


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.0f} ms"


def _flat(values: Mapping[str, Any]) -> dict[str, str]:
    return {name.replace("_", " ").capitalize(): str(value) for name, value in values.items() if value is not None}


def _facts(facts: Mapping[str, str]) -> str:
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items())
    return f"<dl class='facts card'>{lines}</dl>"
