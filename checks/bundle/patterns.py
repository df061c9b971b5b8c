"""What secrets and names look like."""

from __future__ import annotations

import re

SECRET = "<secret>"

PIECE = re.compile(r"\S+")
"""What is decoded as one."""

_SECRET_WORD = (
    r"(?:api|access|private|secret|signing|encryption|account|storage|auth|session|ssh|service)[-_. ]?key(?:[-_]?id)?|"
    r"tokens?(?!iz)|secrets?|passw(?:or)?d|passphrase|(?<![a-z])pwd(?![a-z])|credentials?|authorization|cookies?|"
    r"signature|(?<![a-z])sig(?![a-z])|jwt|bearer|client[-_]?id|session[-_]?id|webhook"
)
SECRET_KEY = re.compile(rf"(?i)[\w.-]*(?:{_SECRET_WORD})[\w.-]*|key|pass|auth|sig|pwd")
"""A field whose whole value is secret."""

SETTING = re.compile(
    rf"""(?ix)(?P<start>(?<![a-z])(?:[\w.-]*?(?:{_SECRET_WORD})(?:[-_.][\w.-]*)?|key|pass)[\\"']*
        \s*(?:=>?|:(?!//))\s*)
    (?:(?P<quote>\\*["'])(?P<quoted>(?:(?!(?P=quote)).)+)|(?P<bare>(?:\\(?!["'])|[^\s"'\\&]|&(?!\w+=))+))"""
)
"""`token=abc`, `"password": "a b c"`, `?sig=abc&x=1`, `--api-key=abc`."""
OPTION = re.compile(rf"""(?i)(--[\w-]*(?:{_SECRET_WORD})[\w-]*\s+)(?!-)["']?[^\s"']+""")
"""`--token abc`."""
NO_SECRETS = frozenset({"", "none", "null", "true", "false", "bearer", "basic", "digest", "token"})

AUTHORIZATION = re.compile(
    r"""(?i)(authorization[\\"']*\s*[:=]\s*[\\"']*(?:[a-z]+\s+)?)[^\s"'\\]+|(\bbearer\s+)[\w.~+/=-]{8,}|"""
    r"""(\b(?:basic|token)\s+)(?=\S*\d)[\w.~+/=-]{16,}"""
)
URL_CREDENTIALS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:\"'<>]*(?::[^\s/\"'<>]*)?@")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)

TOKEN = re.compile(
    r"""(?ix)(?<![a-z0-9])(?:
        hf_[a-z0-9]{16,} | api_org_[a-z0-9]{16,}         # Hugging Face
      | gh[pousr]_[a-z0-9]{16,} | github_pat_\w{16,}     # GitHub
      | glpat-[\w-]{16,}                                 # GitLab
      | (?:AKIA|ASIA|AGPA|AIDA|AROA)[a-z0-9]{16}         # Amazon
      | sk-[\w-]{16,} | xox[abprs]-[\w-]{8,}             # OpenAI and others, Slack
      | AIza[\w-]{30,} | ya29\.[\w-]{16,}                # Google
      | npm_[a-z0-9]{20,} | pypi-[\w-]{16,} | dckr_pat_[\w-]{16,}
      | eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?             # JSON web tokens
    )"""
)
EMAIL = re.compile(r"(?i)(?<![\w.+-])[a-z0-9][\w.+-]*@[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+")

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
GPU_UUID = re.compile(
    rf"(?i)(?<![a-z0-9])(?:MIG-GPU-{_UUID}(?:/\d+)*|(?:MIG|GPU)-(?:{_UUID}|(?=[a-f-]*\d)[0-9a-f-]{{4,}})(?![a-z0-9]))"
)
"""Whole ones, and the shortened ones that CUDA_VISIBLE_DEVICES takes."""
UUID = re.compile(rf"(?i)(?<![0-9a-f-]){_UUID}(?![0-9a-f])")
MAC = re.compile(r"(?i)(?<![0-9a-f:-])(?:[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5}))(?![0-9a-f:-])")

_NAME_END = r"/\\\s\"'<>|:;,)\]}"
WINDOWS_HOME = re.compile(
    rf"(?i)(?:/mnt/[a-z]/|(?<![a-z])[a-z]:[/\\]+)(?:Users|Documents and Settings)[/\\]+"
    rf"(?P<name>[^{_NAME_END}]+(?: [^{_NAME_END}]+)*(?=[/\\])|[^{_NAME_END}]+)"
)
HOME = re.compile(rf"(?i)/(?:homes?\d*|users)[/\\]+(?P<name>[^{_NAME_END}]+)|(?<![\w/.])/(?P<root>root)(?![\w-])")
"""A home folder, by the folders that hold homes; `name` is its owner."""

NAME_KEY = re.compile(
    r"(?i)(?:[a-z_]*_)?(?:user(?:[-_]?name)?|login|logname|owner|account|author|full[-_]?name|real[-_]?name)"
)
NAME_SETTING = re.compile(
    r"""(?i)((?<![a-z0-9])(?:--account|--user(?:name)?|--mail-user|(?:[a-z_]*_)?(?:user(?:[-_]?name)?|account|logname))"""
    r"""(?:[\\"']*\s*[=:]\s*[\\"']*)|--(?:account|user|username)\s+|#SBATCH\s+-A\s*|(?:sbatch|srun|salloc)\s.*?\s-A\s*)"""
    r"""(?P<name>[\w.@+-]+)"""
)
"""`--account=physics`, `SLURM_JOB_ACCOUNT=physics`, `"username": "anna"`."""
HOST_KEY = re.compile(
    r"(?i)(?:[a-z_]*_)?(?:host(?:[-_]?name)?|node(?:[-_]?name)?|nodename|node_?list|computer[-_]?name|fqdn)"
)
HOST_SETTING = re.compile(
    r"""(?i)(?<![a-z0-9])(?:[a-z_]*_)?(?:host(?:[-_]?name)?|slurmd_nodename|node[-_]?name|master_addr|computer[-_]?name)"""
    r"""[\\"']*\s*[=:]\s*[\\"']*(?P<name>[a-z][\w.-]*)"""
)

VERSION_KEY = re.compile(r"(?i)[\w.-]*version|driver|kernel_driver|cuda_driver|cuda_build|hip_build|release")
VERSION = re.compile(r"v?\d+(?:\.\d+)*(?:[-+.]?[a-z]\w*)*")


def without_value(match: re.Match[str]) -> str:
    """A setting with its value replaced; what says that there is none (`token=None`) stays."""
    value = match["quoted"] or match["bare"]
    if value.lower().rstrip(",;.)]}") in NO_SECRETS or value.startswith(SECRET):
        return match.group()
    return f"{match['start']}{match['quote'] or ''}{SECRET}"


def without_authorization(match: re.Match[str]) -> str:
    """A header with its value replaced."""
    return f"{match[1] or match[2] or match[3]}{SECRET}"
