"""Words that a wrong, broken or missing body file brings about."""

from checks.explain.pattern import LIKELY, MAYBE, Pattern
from checks.explain.patterns.words import BODY, CHECKPOINT, MISSING_FILE

_NEUTRAL = r"(?:SMPL_(?:NEUTRAL|MALE|FEMALE)\.(?:pkl|npz)|smpl/models/\w+\.pkl|smpl\.pkl)"
_ORIGINAL = r"basicmodel_(?:m|f|neutral)_lbs_10_207_0_v\d\.\d\.\d\.pkl"
_KEYS = r"KeyError: ['\"](?:shapedirs|posedirs|v_template|J_regressor|kintree_table)"

_VERTICES = r"\bvert(?:s|ex|ices)\b|v_template|\bsmpl_?x\b|shapedirs|posedirs|J_regressor|\blbs\b"

PATTERNS = (
    Pattern("SMPL.RP_NAME", r"SMPL_NEUTRAL_renderpeople"),
    Pattern("SMPL.NO_NEUTRAL", MISSING_FILE + r"basicmodel_neutral_lbs_10_207_0_v1\.0\.0\.pkl"),
    Pattern("SMPL.MISSING", MISSING_FILE + _NEUTRAL),
    Pattern(
        "SMPL.MISSING",
        _NEUTRAL + r"['\"]?:? ?(?:is missing|is not there|No such file|does not exist|not found|was not found)",
    ),
    Pattern("SMPL.MISSING", MISSING_FILE + _ORIGINAL, LIKELY, unless=r"neutral_lbs_10_207_0_v1\.0\.0"),
    Pattern("SMPL.MISSING", r"Path \S{0,120}smpl\S{0,80} does not exist", LIKELY, unless=r"SMPLX_|SMPLH_|renderpeople"),
    Pattern("SMPL.SHAPEDIRS300", r"cannot reshape array of size 620100\b"),
    Pattern("SMPL.SHAPEDIRS300", r"cannot reshape array of size 6201000\b"),
    Pattern("SMPL.SHAPEDIRS300", r"size of tensor a \(300\) must match the size of tensor b \(1[06]\)"),
    Pattern("SMPL.SHAPEDIRS300", r"size of tensor a \(1[06]\) must match the size of tensor b \(300\)"),
    Pattern("SMPL.SHAPEDIRS300", r"\(6890, ?3, ?300\)"),
    Pattern("SMPL.SHAPEDIRS300", r"\[6890, ?3, ?300\]"),
    Pattern("SMPL.SHAPEDIRS300", r"\(20670, ?300\)"),
    Pattern("SMPL.SHAPEDIRS300", r"could not be broadcast together with shapes .{0,40}\b300\b.{0,24}\b10\b", near=BODY),
    Pattern(
        "SMPL.SHAPEDIRS300",
        r"einsum\(\).{0,120}(?:\b300\b.{0,120}\b10\b|\b10\b.{0,120}\b300\b)",
        near=BODY + "|shape_?dirs|betas",
    ),
    Pattern("SMPL.SHAPEDIRS300", r"cannot be multiplied \(\d+x10 and 300x\d+\)"),
    Pattern("SMPL.SHAPEDIRS300", r"(?:dimension|size|shape)s? .{0,20}mismatch.{0,30}shapedirs", LIKELY),
    Pattern("SMPL.HTML", r"invalid load key, '<'", unless=CHECKPOINT, near=BODY),
    Pattern("SMPL.HTML", r"invalid load key, '<'", unless=CHECKPOINT),
    Pattern("SMPL.HTML", r"invalid load key, '\\[nr]'", LIKELY, near=BODY, unless=CHECKPOINT),
    Pattern("SMPL.LFS", r"invalid load key, 'v'", unless=CHECKPOINT, near=BODY),
    Pattern("SMPL.LFS", r"invalid load key, 'v'", unless=CHECKPOINT),
    Pattern("SMPL.LFS", r"version https://git-lfs\.github\.com/spec/v1", LIKELY, near=BODY, unless=CHECKPOINT),
    Pattern("SMPL.ZIP", r"persistent id instruction was encountered", unless=CHECKPOINT, near=BODY),
    Pattern("SMPL.ZIP", r"persistent id instruction was encountered", unless=CHECKPOINT),
    Pattern("SMPL.ZIP", r"invalid load key, '(?:P|\\x1f|R|7)'", near=BODY, unless=CHECKPOINT),
    Pattern("SMPL.ZIP", r"invalid load key, '(?:P|\\x1f)'", LIKELY, unless=CHECKPOINT),
    Pattern("SMPL.TRUNC", r"pickle data was truncated", unless=CHECKPOINT, near=BODY),
    Pattern("SMPL.TRUNC", r"pickle data was truncated", LIKELY, unless=CHECKPOINT),
    Pattern("SMPL.TRUNC", r"Ran out of input", unless=CHECKPOINT, near=BODY),
    Pattern("SMPL.TRUNC", r"Ran out of input", LIKELY, unless=CHECKPOINT),
    Pattern("SMPL.TRUNC", r"invalid load key, '\\x00'", LIKELY, unless=CHECKPOINT),
    Pattern("SMPL.TRUNC", r"unpickling stack underflow", MAYBE, near=BODY, unless=CHECKPOINT),
    Pattern("SMPL.PY2", r"'ascii' codec can't decode byte", near=BODY + r"|pickle", unless=r"setup\.py|README"),
    Pattern("SMPL.PY2", r"'ascii' codec can't decode byte", LIKELY, unless=r"setup\.py|README|egg_info|readline"),
    Pattern("SMPL.CHUMPY", r"No module named ['\"]?chumpy"),
    Pattern("SMPL.SMPLX", r"[(\[](?:\d+, ?)?10475[,)\]].{0,80}[(\[](?:\d+, ?)?6890[,)\]]"),
    Pattern("SMPL.SMPLX", r"[(\[](?:\d+, ?)?6890[,)\]].{0,80}[(\[](?:\d+, ?)?10475[,)\]]"),
    Pattern("SMPL.SMPLX", r"\b10475\b.{0,80}\b6890\b", LIKELY, near=_VERTICES),
    Pattern("SMPL.SMPLX", r"\b6890\b.{0,80}\b10475\b", LIKELY, near=_VERTICES),
    Pattern("SMPL.SMPLX", r"\b10475 vertices"),
    Pattern("SMPL.SMPLX", r"\b20908 faces", LIKELY),
    Pattern("SMPL.SMPLX", r"\(10475, ?3[,)]", LIKELY),
    Pattern("SMPL.SMPLX", r"cannot reshape array of size 31425\b"),
    Pattern("SMPL.STRUCT", _KEYS),
    Pattern("SMPL.STRUCT", r"KeyError: ['\"](?:weights|f|J)['\"]", LIKELY, near=BODY),
    Pattern("SMPL.STRUCT", r"(?:shapedirs|posedirs|v_template|J_regressor|kintree_table) is not a file in the archive"),
    Pattern("SMPL.STRUCT", r"has no attribute '(?:toarray|todense)'", near=BODY + r"|J_regressor"),
    Pattern("SMPL.STRUCT", r"AttributeError:?.{0,60}\btoarray\b", LIKELY),
    Pattern("SMPL.UNSAFE", r"\bUnsafePickleError\b", LIKELY),
    Pattern("SMPL.UNSAFE", r"not on the allow-list", LIKELY, near=r"pickle"),
)
