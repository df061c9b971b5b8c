"""Words that wrong, broken or missing weights bring about."""

from checks.explain.pattern import LIKELY, MAYBE, Pattern
from checks.explain.patterns.words import BODY, CHECKPOINT, MISSING_FILE

_WEIGHTS = r"(?:SHERF_\w+\.(?:pkl|safetensors)|network-snapshot-\w+\.pkl)"

PATTERNS = (
    Pattern("CKPT.MISSING", MISSING_FILE + _WEIGHTS),
    Pattern(
        "CKPT.MISSING",
        _WEIGHTS + r"['\"]?:? ?(?:is missing|is not there|No such file|does not exist|not found|was not found)",
    ),
    Pattern("CKPT.FILE", r"invalid load key, '(?:<|v|P|\\\w+)'", near=CHECKPOINT, unless=BODY),
    Pattern("CKPT.FILE", r"invalid load key, '", MAYBE, unless=BODY),
    Pattern("CKPT.FILE", r"persistent id instruction was encountered", near=CHECKPOINT, unless=BODY),
    Pattern("CKPT.FILE", r"pickle data was truncated", near=CHECKPOINT, unless=BODY),
    Pattern("CKPT.FILE", r"Ran out of input", near=CHECKPOINT, unless=BODY),
    Pattern("CKPT.FILE", r"version https://git-lfs\.github\.com/spec/v1", LIKELY, near=CHECKPOINT, unless=BODY),
    Pattern("CKPT.FILE", r"PytorchStreamReader failed reading (?:zip archive|file)"),
    Pattern("CKPT.FILE", r"Error while deserializing header"),
    Pattern("CKPT.FILE", r"unexpected EOF, expected \d+ more bytes"),
    Pattern("CKPT.FILE", r"(?:HeaderTooLarge|HeaderTooSmall|InvalidHeaderDeserialization|MetadataIncompleteBuffer)"),
    Pattern(
        "CKPT.FILE",
        r"This link (?:has been removed|has expired|is no longer)",
        LIKELY,
        near=r"onedrive|1drv|sharepoint",
    ),
    Pattern("CKPT.FILE", r"This item might not exist or is no longer available", LIKELY),
    Pattern("CKPT.PERSISTENCE", r"No module named ['\"]?(?:dnnlib|torch_utils)\b"),
    Pattern("CKPT.PERSISTENCE", r"No module named ['\"]?(?:training|legacy)\b", LIKELY),
    Pattern("CKPT.PERSISTENCE", r"_reconstruct_persistent_obj"),
    Pattern("CKPT.PERSISTENCE", r"_imported_module_[0-9a-f]+"),
    Pattern("CKPT.PERSISTENCE", r"Weights only load failed", LIKELY),
    Pattern("CKPT.KEYS", r"Error\(s\) in loading state_dict for"),
    Pattern("CKPT.KEYS", r"(?:Missing|Unexpected) key\(s\) in state_dict"),
    Pattern("CKPT.KEYS", r"size mismatch for \S{1,120}: copying a param with shape"),
)
