"""Words of compiled libraries and tools that the published code needs, and of chumpy; none of them is used here."""

from checks.explain.pattern import LIKELY, Pattern

_SPCONV = r"\bspconv|\bcumm\b|\bpccm\b"
_P3D = r"\bpytorch3d\b"
_CHUMPY = r"\bchumpy\b"
_NO_WHEEL = r"(?:No matching distribution found for|Could not find a version that satisfies the requirement) "

PATTERNS = (
    Pattern("PY.SPCONV", r"No module named ['\"]?(?:spconv|cumm|pccm)\b"),
    Pattern("PY.SPCONV", _NO_WHEEL + r"(?:spconv|cumm|pccm)"),
    Pattern(
        "PY.SPCONV",
        r"Failed (?:building wheel|to build)(?: for| installable wheels for)?[^\n]{0,60}(?:spconv|cumm|pccm)",
    ),
    Pattern("PY.SPCONV", r"cannot import name '\w+' from '(?:spconv|cumm)[\w.]*'"),
    Pattern("PY.SPCONV", r"module 'spconv\w*' has no attribute"),
    Pattern("PY.SPCONV", r"(?:spconv|cumm)\S*\.so: .{0,60}undefined symbol"),
    Pattern("PY.SPCONV", r"(?:spconv|cumm)\S*\.so: cannot open shared object"),
    Pattern("PY.SPCONV", r"could not convert default argument '.{0,60}tv::"),
    Pattern("PY.SPCONV", r"generic_type: .{0,40}an object with that name is already defined", near=_SPCONV),
    Pattern("PY.SPCONV", r"generic_type: .{0,80}is already registered", near=_SPCONV),
    Pattern("PY.SPCONV", r"\bspconv\b.{0,60}(?:no wheel|undefined symbol|not install|won't install)", question=True),
    Pattern("PY.SPCONV", r"can't find suitable algorithm for \d", LIKELY),
    Pattern("PY.P3D", r"No module named ['\"]?pytorch3d"),
    Pattern("PY.P3D", _NO_WHEEL + r"pytorch3d"),
    Pattern("PY.P3D", r"Failed (?:building wheel|to build)(?: for| installable wheels for)?[^\n]{0,60}pytorch3d"),
    Pattern("PY.P3D", r"pytorch3d/_C\S*: .{0,60}undefined symbol"),
    Pattern("PY.P3D", r"pytorch3d/_C\S*:? .{0,60}cannot open shared object"),
    Pattern("PY.P3D", r"cannot import name '_C' from (?:partially initialized module )?'pytorch3d'"),
    Pattern("PY.P3D", r"Not compiled with GPU support", near=_P3D),
    Pattern(
        "PY.P3D",
        r"lib(?:cudart|c10|torch)\w*\.so\S*: cannot open shared object file",
        near=r"from pytorch3d|pytorch3d/",
    ),
    Pattern("PY.P3D", r"PackagesNotFoundError.{0,200}pytorch3d"),
    Pattern("PY.P3D", r"\bpytorch3d\b.{0,60}(?:no wheel|undefined symbol|not install|won't install)", question=True),
    Pattern("PY.CHUMPY", r"cannot import name '(?:bool|int|float|complex|object|unicode|str)' from 'numpy'"),
    Pattern("PY.CHUMPY", r"\binspect\b.{0,30}getargspec"),
    Pattern("PY.CHUMPY", r"cannot import name 'getargspec' from 'inspect'"),
    Pattern(
        "PY.CHUMPY", r"module 'numpy' has no attribute '(?:bool|int|float|complex|object|unicode|str)'", near=_CHUMPY
    ),
    Pattern("PY.CHUMPY", r"module 'numpy' has no attribute '(?:bool|int|float|complex|object|unicode|str)'", LIKELY),
    Pattern("PY.CHUMPY", r"Failed (?:building wheel|to build)(?: for| installable wheels for)?[^\n]{0,60}chumpy"),
    Pattern("PY.CHUMPY", r"No module named 'pip'", near=_CHUMPY),
    Pattern("RUN.LOCK", r"Setting up PyTorch plugin \"\w+\"\.{3} ?\Z"),
    Pattern("RUN.LOCK", r"Setting up PyTorch plugin \"\w+\"\.{3} ?Failed", LIKELY),
    Pattern("RUN.LOCK", r"Failed to build CUDA kernels for", LIKELY),
    Pattern("RUN.LOCK", r"Ninja is required to load C\+\+ extensions"),
    Pattern("RUN.LOCK", r"Command '\['ninja', '-v'\]' returned non-zero exit status", LIKELY),
    Pattern("RUN.LOCK", r"Error building extension '\w+", LIKELY),
    Pattern("RUN.LOCK", r"Could not find MSVC/GCC/CLANG installation", LIKELY),
    Pattern("RUN.LOCK", r"file_baton\.py", LIKELY),
    Pattern("RUN.LOCK", r"torch_extensions/.{0,120}(?:/lock\b|No such file)", LIKELY),
)
