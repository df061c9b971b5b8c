"""Findings about the user's data set and the file system it lies on."""

from __future__ import annotations

from checks.catalogue.entry import SHERF_SITE, Entry

GROUP = "Data set"
ISSUES = SHERF_SITE + "/issues/"
LOOK_AGAIN = "$ sherfctl doctor --deep"
COPY_AGAIN = ("copy or unpack these subjects again, then look at everything:", LOOK_AGAIN)
ABSENT = ("DATA.MISSING",)

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "DATA.MISSING",
        GROUP,
        "the data set is not there",
        "The data set's folder is not in the usual place, the one named by --data does not exist, or it is not the "
        "folder that holds the subjects' folders.",
        (
            "name the folder that holds the subjects: --data DIR",
            "or link it: ln -s DIR to data/RenderPeople_recon/20230228, data/THuman/nerf_data_, data/HuMMan/recon or "
            "data/zju_mocap",
            "RenderPeople can be fetched:",
            "$ sherfctl fetch-assets renderpeople",
        ),
        ISSUES + "24",
    ),
    Entry(
        "DATA.LIST",
        GROUP,
        "human_list.txt is missing",
        "The list comes with the published code, not with the data; without it subjects are taken in the order of "
        "their names.",
        (
            "copy human_list.txt of the published code into the data set's folder",
            "or write one with the people that are there:",
            "$ sherfctl doctor --fix",
        ),
        follows=(*ABSENT, "DATA.RP_COUNT", "DATA.TH_ANNOTS"),
    ),
    Entry(
        "DATA.RP_COUNT",
        GROUP,
        "fewer people than the published split wants",
        "A published split takes people by their place in the list, or by name. RenderPeople's trains on the first 450 "
        "and tests on people 451 to 480; today's public RenderPeople release has 189.",
        (
            "ask the authors for the full set",
            "or evaluate people that are there: --subjects NAME,NAME (the figures are then not the paper's)",
        ),
        ISSUES + "46",
        follows=(*ABSENT, "DATA.TH_ANNOTS"),
    ),
    Entry(
        "DATA.RP_LAYOUT",
        GROUP,
        "files of some people are missing",
        "An archive was unpacked in part, or a copy was interrupted. People without cameras, body parameters or a "
        "whole camera's pictures cannot be used; single frames that are missing are skipped and counted.",
        COPY_AGAIN,
        SHERF_SITE,
        follows=(*ABSENT, "DATA.TH_ANNOTS", "DATA.ZJU_REFINED", "DATA.ZJU_313"),
    ),
    Entry(
        "DATA.TH_ANNOTS",
        GROUP,
        "annots.npy is missing or cannot be read",
        "The reader needs the multi-view rendering of THuman (24 views, cameras and pictures named in annots.npy of "
        "each subject), not the raw scans; ZJU-MoCap comes with such a file too.",
        (
            "get the rendered THuman data that the published code links to, and name it with --data DIR",
            "for ZJU-MoCap: unpack the subject again",
        ),
        ISSUES + "12",
        follows=ABSENT,
    ),
    Entry(
        "DATA.TH_PARAMS",
        GROUP,
        "THuman's body parameters are missing",
        "The folders new_params_neutral are a download of their own. Frames without parameters cannot be used.",
        (
            "download the THuman parameters (Hugging Face: skhu101/SHERF) and unpack them over the data set, so "
            "that each subject has new_params_neutral/0.npy and so on",
        ),
        ISSUES + "25",
        follows=(*ABSENT, "DATA.TH_ANNOTS", "DATA.RP_LAYOUT"),
    ),
    Entry(
        "DATA.BACKSLASH",
        GROUP,
        "paths in annots.npy are written as in Windows",
        "The annotations hold paths with backslashes, which are not folders on Linux.",
        ("nothing to do: they are read as slashes",),
        follows=ABSENT,
    ),
    Entry(
        "DATA.HM_PARTS",
        GROUP,
        "HuMMan is incomplete",
        "HuMMan comes in three archives, all unpacked into one folder. The published test uses 22 people with ten "
        "cameras; single frames that are missing are skipped and counted.",
        ("unpack all archives of HuMMan's reconstruction set into the same folder", *COPY_AGAIN),
        ISSUES + "14",
        follows=ABSENT,
    ),
    Entry(
        "DATA.ZJU_313",
        GROUP,
        "CoreView_313 and 315 name their pictures otherwise",
        "The annotations of these two subjects hold long names, while the pictures are called after the fifth part "
        "of them (0001.jpg). Both are read; where neither is there, the pictures were renamed or are missing.",
        ("unpack CoreView_313 and CoreView_315 again and rename nothing",),
        "https://github.com/YoungJoongUNC/Neural_Human_Performer/issues/7",
        follows=ABSENT,
    ),
    Entry(
        "DATA.ZJU_CAMS",
        GROUP,
        "ZJU-MoCap lacks cameras or masks",
        "The published protocol uses the first 20 cameras (313 and 315 have 21, others 23) and the masks in mask_cihp. "
        "Pictures without a mask are skipped and counted.",
        ("unpack these subjects again, mask_cihp among them", "then look at everything:", LOOK_AGAIN),
        "https://github.com/zju3dv/neuralbody/issues/22",
        follows=ABSENT,
    ),
    Entry(
        "DATA.ZJU_REFINED",
        GROUP,
        "annots.npy lists no picture",
        "This is the 'refine' release of ZJU-MoCap, whose annotations have an empty list of pictures.",
        ("get the first release of ZJU-MoCap, whose annots.npy lists the pictures of each frame",),
        "https://github.com/skhu101/GauHuman/issues/3",
        follows=ABSENT,
    ),
    Entry(
        "DATA.IMG",
        GROUP,
        "pictures do not fit their masks or cameras, or cannot be read",
        "A picture and its mask must have the same size, the shape of the data set, and their middle near the camera's "
        "centre. Pictures that were made smaller, cut or broken by an interrupted copy do not.",
        ("copy or unpack these pictures again; resize nothing: that is done while reading", LOOK_AGAIN),
        follows=ABSENT,
    ),
    Entry(
        "DATA.FIT",
        GROUP,
        "bodies do not lie on their pictures",
        "Of each body, projected into the picture, 85% should lie on the mask. Where less does, the body's "
        "parameters, the cameras or the pictures are not of one release, and results are blurred.",
        (
            "check that pictures, cameras and body parameters come from the same release",
            "check that the body is the one that the data set was fitted with: SMPL, neutral",
        ),
        ISSUES + "22",
        follows=(*ABSENT, "DATA.IMG", "SMPL.GENDER"),
    ),
    Entry(
        "DATA.TRAIN_FOR_EVAL",
        GROUP,
        "training people are missing, which an evaluation does not need",
        "The published evaluation opens the training set as well and fails without it; this one needs test people "
        "only.",
        ("nothing to do for an evaluation",),
        follows=(
            *ABSENT,
            "DATA.RP_COUNT",
            "DATA.HM_PARTS",
            "DATA.RP_LAYOUT",
            "DATA.TH_ANNOTS",
            "DATA.TH_PARAMS",
            "DATA.ZJU_REFINED",
            "DATA.ZJU_CAMS",
        ),
    ),
    Entry(
        "FS.DRVFS",
        GROUP,
        "the data lie on a Windows drive",
        "WSL reads /mnt/c and other Windows drives through a bridge, many times slower than its own disk. A data "
        "set is made of very many small files.",
        (
            "copy the data set to WSL's own disk:",
            "$ mkdir -p ~/data && cp -r DIR ~/data/",
            "then name it: --data ~/data/DIR",
        ),
        "https://learn.microsoft.com/windows/wsl/filesystems",
        follows=ABSENT,
    ),
)
