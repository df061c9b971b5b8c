"""Words that a missing, partial or other data set brings about."""

from checks.explain.pattern import LIKELY, MAYBE, Pattern
from checks.explain.patterns.words import EVALUATION, MISSING_FILE

_GAP = r"[^'\"]{0,80}['\"]?[^'\"]{0,160}"
_ZJU = r"CoreView_\d+|zju|light_?stage"
_NAMES = r"(?:RenderPeople|THuman|HuMMan|ZJU|recon_neuralbody|zju_mocap)"

PATTERNS = (
    Pattern("DATA.MISSING", MISSING_FILE + r"\bcameras\.json", unless=r"p\d{6}_a\d{6}"),
    Pattern("DATA.MISSING", r"\bcameras\.json['\"]?:? (?:is missing|No such file|not found|does not exist)"),
    Pattern(
        "DATA.MISSING", r"(?:No such file or directory|\[Errno 2\])" + _GAP + r"/\w*" + _NAMES + r"\w*/?['\"]", LIKELY
    ),
    Pattern("DATA.MISSING", r"(?:No such file or directory|\[Errno 2\])" + _GAP + r"CoreView_\d+/annots\.npy", LIKELY),
    Pattern("DATA.RP_LAYOUT", MISSING_FILE + r"refit_smpl_2nd\.npz"),
    Pattern("DATA.RP_LAYOUT", MISSING_FILE + r"seq_\d+-rp_\w+/(?:img|mask|outputs_re_fitting)\b"),
    Pattern("DATA.RP_LAYOUT", r"seq_\d+-rp_" + _GAP + r"can't open/read file"),
    Pattern("DATA.RP_LAYOUT", r"KeyError: ['\"]camera\d{4}"),
    Pattern("DATA.RP_COUNT", r"cannot convert float NaN to integer", near=EVALUATION + r"|list index out of range"),
    Pattern(
        "DATA.RP_COUNT",
        r"list index out of range",
        LIKELY,
        near=r"human_?list|RenderPeople|Mean of empty slice|subject_list",
        unless=r"\bims\b",
    ),
    Pattern("DATA.RP_COUNT", r"Mean of empty slice", MAYBE, near=r"psnr|ssim|lpips|RenderPeople|human_?list"),
    Pattern("DATA.LIST", MISSING_FILE + r"human_list\.txt"),
    Pattern("DATA.LIST", r"human_list\.txt['\"]?:? ?(?:is )?(?:missing|No such file|not found|does not exist)"),
    Pattern("DATA.TH_ANNOTS", MISSING_FILE + r"annots\.npy", unless=_ZJU),
    Pattern("DATA.TH_ANNOTS", r"(?:expects?|needs?|wants?|no|missing) .{0,40}annots\.npy", LIKELY, unless=_ZJU),
    Pattern("DATA.TH_PARAMS", MISSING_FILE + r"new_params_neutral"),
    Pattern("DATA.TH_PARAMS", r"(?:\bno\b|missing|without|where is|where are).{0,40}new_params_neutral", LIKELY),
    Pattern(
        "DATA.BACKSLASH",
        MISSING_FILE + r"\w\\{1,2}\w[\w().-]*\\{1,2}[\w().-]+\.(?:jpg|png|npy)",
        unless=r"\b[A-Z]:\\",
    ),
    Pattern(
        "DATA.BACKSLASH",
        MISSING_FILE + r"/\w+/\w[\w().-]*\\{1,2}[\w().-]+\.(?:jpg|png|npy)",
        unless=r"\b[A-Z]:\\",
    ),
    Pattern("DATA.HM_PARTS", MISSING_FILE + r"p\d{6}_a\d{6}"),
    Pattern("DATA.HM_PARTS", r"subjects? .{0,20}missing.{0,40}HuMMan", LIKELY),
    Pattern("DATA.HM_PARTS", r"HuMMan.{0,60}(?:subjects? .{0,20}missing|missing .{0,20}subjects?)", LIKELY),
    Pattern("DATA.ZJU_CAMS", MISSING_FILE + r"CoreView_31[35]" + r".{0,40}Camera(?:_B| |_)\(?2[0-3]"),
    Pattern("DATA.ZJU_CAMS", MISSING_FILE + r"CoreView_\d+/mask"),
    Pattern("DATA.ZJU_CAMS", r"index 2[0-3] is out of bounds for axis \d with size 2[01]", LIKELY),
    Pattern(
        "DATA.ZJU_313",
        MISSING_FILE + r"CoreView_31[35]/(?!mask)(?!.{0,40}Camera(?:_B| |_)\(?2[0-3])",
        unless=r"/mask",
    ),
    Pattern("DATA.ZJU_REFINED", r"KeyError: ['\"]ims\b", LIKELY),
    Pattern("DATA.ZJU_REFINED", r"list index out of range", LIKELY, near=r"\[['\"]ims['\"]\]"),
    Pattern("DATA.ZJU_REFINED", r"\bempty ims\b", LIKELY),
    Pattern("DATA.ZJU_REFINED", r"\bims['\"]? (?:is|are) empty", LIKELY),
    Pattern("DATA.IMG", r"boolean index did not match", LIKELY, near=r"\bma?sk"),
    Pattern(
        "DATA.IMG",
        r"could not be broadcast together with shapes \(\d{3,4},\d{3,4}\S* \(\d{3,4},\d{3,4}",
        LIKELY,
        near=r"\bma?sk|\bimg|image",
    ),
    Pattern(
        "DATA.IMG", r"could not broadcast input array from shape \(\d{3,4},\d{3,4}", LIKELY, near=r"\bma?sk|\bimg|image"
    ),
    Pattern(
        "DATA.IMG",
        r"(?:image|picture|mask).{0,60}(?:other|different|wrong) (?:size|shape|resolution|H.?W)",
        LIKELY,
        question=True,
    ),
)
