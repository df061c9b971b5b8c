"""Plain questions about troubles that have no message of their own, and about the common ones."""

from checks.explain.pattern import LIKELY, MAYBE, Pattern


def _asked(identifier: str, *regexes: str, weight: int = LIKELY) -> tuple[Pattern, ...]:
    return tuple(Pattern(identifier, regex, weight, question=True) for regex in regexes)


_ONE = r"(?:one|single|own|my|custom|any|a|arbitrary|internet|phone)"
_PHOTO = r"(?:photos?|images?|pictures?|selfies?|video|data)"

_WHERE = r"(?:where|how) .{0,40}(?:download|get|find).{0,40}"

PATTERNS = (
    *_asked("SMPL.MISSING", _WHERE + r"\bsmpl\b"),
    *_asked("CKPT.MISSING", _WHERE + r"\b(?:weights|checkpoints?|pretrained|trained model)\b"),
    *_asked("DATA.MISSING", _WHERE + r"\b(?:data ?sets?|RenderPeople|THuman|HuMMan|ZJU)\b"),
    *_asked("SMPL.RENAMED", r"original name", r"basicmodel_\w+\.pkl.{0,60}renam", r"renam.{0,60}basicmodel_"),
    *_asked(
        "SMPL.NO_NEUTRAL",
        r"only (?:the )?(?:male|female) (?:or|and) (?:female|male)",
        r"no neutral (?:model|body|smpl)",
    ),
    *_asked(
        "SMPL.NO_NEUTRAL",
        r"only (?:has|have|contains?|includes?|comes with|with) (?:the |a )?(?:fe)?male\b",
        _WHERE + r"\bneutral (?:model|body|smpl)\b",
        weight=LIKELY + 1,
    ),
    *_asked("SMPL.NO_NEUTRAL", r"(?:lacks?|without|where is) the neutral (?:model|body|smpl)"),
    *_asked("SMPL.GENDER", r"\bwrong (?:bodies|body|gender|sex)\b", r"(?:male|female) (?:file|model).{0,40}as neutral"),
    *_asked("SMPL.UNSAFE", r"code runs while (?:loading|unpickling)", r"pickle.{0,40}(?:malicious|unsafe|virus)"),
    *_asked("SMPL.SHAPEDIRS300", r"shapedirs.{0,40}v_template", r"300 (?:shape|pcs|betas|pca)", r"smpl_numpy\.py"),
    *_asked("RUN.BATCH", r"shapedirs.{0,40}v_template", r"dimension (?:errors?|mismatch).{0,40}volume rendering"),
    *_asked("CUDA.HOME", r"\bcuda is not set\b", r"\bcuda_home\b(?! ?=)"),
    *_asked("CKPT.FILE", r"(?:onedrive|baidu|download).{0,40}links?.{0,40}(?:expired|dead|broken|invalid|died)"),
    *_asked("CKPT.FILE", r"links?.{0,20}(?:expired|dead|broken|invalid|died).{0,60}(?:weights|checkpoint|model)"),
    *_asked("CKPT.FILE", r"\bHTML, LFS, zip, truncated"),
    *_asked("CKPT.KEYS", r"missing (?:or|and) unexpected keys"),
    *_asked("DATA.RP_LAYOUT", r"half an unzip", r"RenderPeople.{0,60}missing files", r"^missing files$"),
    *_asked("DATA.RP_COUNT", r"\b189 (?:subjects|people)", r"450 (?:subjects|people|\+ 30)"),
    *_asked("DATA.BACKSLASH", r"backslash", r"^path not found$"),
    *_asked("DATA.HM_PARTS", r"^subjects missing$", r"humman.{0,60}(?:three|3) zips"),
    *_asked("DATA.ZJU_313", r"^image not found$", r"(?:313|315).{0,60}(?:not found|file names)"),
    *_asked(
        "DATA.ZJU_CAMS", r"(?:fewer|missing|only 21|less) cameras", r"masks? missing", r"does not have a complete mask"
    ),
    *_asked("DATA.IMG", r"wrong H\W?W", r"wrong image size"),
    *_asked(
        "DATA.FIT",
        r"\b(?:blur|blurry|blurred)\b",
        r"misalign",
        r"(?:inaccurate|rough|bad) (?:smpl )?(?:fit|fits|fitting|annotation)",
    ),
    *_asked(
        "DATA.TRAIN_FOR_EVAL", r"evaluation fails on a training subject", r"eval\w*.{0,40}training (?:set|data|subject)"
    ),
    *_asked("FS.CASE", r"works on windows.{0,40}(?:fails?|not|breaks?)", r"letter case", r"case.?sensitiv"),
    *_asked("FS.DRVFS", r"slow.{0,40}(?:wsl|/mnt/[c-z])", r"(?:wsl|/mnt/[c-z]).{0,60}slow"),
    *_asked(
        "WSL.NODXG",
        r"cuda (?:is )?not (?:seen|found|visible).{0,40}wsl",
        r"wsl.{0,60}cuda (?:is )?not (?:seen|found|visible)",
    ),
    *_asked("WSL.NODXG", r"^cuda not seen$", r"(?:no|not see the) gpu in wsl"),
    *_asked("WSL.V1", r"^no gpu$"),
    *_asked("GPU.NONE", r"^no gpu$", weight=MAYBE),
    *_asked(
        "WSL.LINUXDRIVER", r"^driver mismatch$", r"install.{0,40}(?:nvidia|linux|gpu) driver.{0,20}(?:in|inside|on) wsl"
    ),
    *_asked(
        "GPU.NODEV",
        r"nvidia-smi (?:is )?(?:there|works).{0,40}no (?:device|gpu)",
        r"docker.{0,60}(?:no|not see).{0,12}gpu",
    ),
    *_asked(
        "GPU.BUSY",
        r"^out of memory\b",
        r"gpu.{0,20}(?:is )?(?:busy|used by (?:others|another))",
        r"other process.{0,40}gpu",
    ),
    *_asked(
        "GPU.MIG",
        r"^half visible$",
        r"(?:only|just) (?:half|part) of the gpu",
        r"\bmig\b.{0,60}(?:half|part|visible|only)",
    ),
    *_asked("GPU.COMPUTEMODE", r"all devices (?:are )?busy", r"exclusive.{0,20}(?:process|compute) mode"),
    *_asked("CUDA.VISIBLE", r"^no cuda devices", r"CUDA_VISIBLE_DEVICES.{0,40}(?:empty|-1|wrong|hides)"),
    *_asked("LIB.CUDNN", r"^symbol errors$", r"cudnn.{0,40}symbol"),
    *_asked("TORCH.BROKEN", r"torch.{0,40}import error", r"^import error$", r"import(?:ing)? torch (?:fails|crashes)"),
    *_asked("TORCH.KERNEL", r"available,? (?:and )?yet fails", r"cuda is available,? but"),
    *_asked("RUN.STARTMETHOD", r"set_start_method"),
    *_asked(
        "RUN.GPUS",
        r"needs? (?:4|four) gpus",
        r"(?:4|four) gpus (?:are )?(?:needed|required)",
        r"(?:with|on) (?:only )?(?:one|1|a single) gpu\b",
    ),
    *_asked("RUN.TIME", r"how (?:long|much time).{0,40}(?:train|eval|take|run)", r"training time", r"36 ?-? ?48 ?h"),
    *_asked("RUN.LOCK", r"hangs? at setting up pytorch plugin", r"stuck.{0,40}(?:plugin|bias_act|upfirdn2d)"),
    *_asked("RUN.LPIPS", r"offline.{0,40}(?:import|vgg|lpips|weights)", r"(?:vgg|lpips).{0,40}(?:offline|download)"),
    *_asked("SYS.CPU", r"(?:few|too few|not enough|slow).{0,20}(?:cpu cores|cpus|cores)\b"),
    *_asked(
        "SYS.EPHEMERAL", r"lo(?:st|se|ses|sing).{0,40}(?:checkpoints?|results?|files|output).{0,40}(?:colab|kaggle)"
    ),
    *_asked("SYS.EPHEMERAL", r"(?:colab|kaggle).{0,60}(?:lost|lose|gone|disappear|disconnect)"),
    *_asked("T4.BF16", r"(?:bf16|bfloat16).{0,40}(?:slow|T4|turing|V100)", r"T4.{0,40}(?:bf16|bfloat16)", r"^slow$"),
    *_asked(
        "INPUT.WILD",
        rf"(?:run|use|try|test|infer|render|demo).{{0,40}}\b{_ONE}\b.{{0,30}}\b{_PHOTO}\b",
        r"in[- ]the[- ]wild",
    ),
    *_asked("INPUT.WILD", rf"\b{_ONE} (?:own )?{_PHOTO}\b.{{0,30}}\?"),
)
