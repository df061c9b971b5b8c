"""Findings about the user's data set and the file system it lies on."""

from __future__ import annotations

from checks.catalogue.entry import SHERF_SITE, Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "DATA.MISSING",
        "Data set",
        "the data set is not there",
        "The data set's folder is not in the usual place, or the one named by --data does not exist.",
        ("name it: --data DIR", "or link it:", "$ mkdir -p {parent} && ln -s /path/to/it {place}"),
        SHERF_SITE,
    ),
    Entry(
        "DATA.LIST",
        "Data set",
        "human_list.txt is missing",
        "The list comes with the published code, not with the data; without it folders are taken by name.",
        ("$ ls -d {root}/*/ | xargs -n 1 basename > {root}/human_list.txt",),
        follows=("DATA.MISSING",),
    ),
    Entry(
        "DATA.RP_COUNT",
        "Data set",
        "fewer people than the published split wants",
        "The published test set is people 451 to 480 of the list; today's public RenderPeople release has 189 people.",
        (
            "ask the authors for the full set",
            "or name the people to evaluate: --subjects NAME (the figures are then not the paper's)",
        ),
        SHERF_SITE + "/issues/46",
        follows=("DATA.MISSING",),
    ),
)
