"""Words that several patterns look for near a message, to tell its causes apart."""

WSL = r"\bWSL|microsoft-standard|/usr/lib/wsl|/mnt/[c-z]/|/dev/dxg|-Microsoft\b"
DOCKER = r"\bdocker|\bcontainer|\bkubectl|\bpod\b|nvidia/cuda:|podman|singularity|apptainer|/\.dockerenv"
# Within a container that was started without a GPU: such a command, its prompt, its own file.
IN_CONTAINER = (
    r"(?:docker|podman|nerdctl)(?: container)? run (?!.{0,200}(?:--gpus|--device|--runtime))|\broot@[0-9a-f]{12}:"
    r"|/\.dockerenv|\b(?:docker[- ]compose|kubectl|singularity|apptainer) (?:up|run|exec|logs)\b"
)
NOTEBOOK = r"\bcolab\b|/content/|google\.colab|\bkaggle"
BODY = r"smpl(?!ify)|basicmodel|body_?model|lbs_10_207"
CHECKPOINT = (
    r"SHERF_\w+\.pkl|check_?point|ckpt|network[-_]snapshot|network_pkl|resume_pkl|resume=|\.pth\b|\.pt\b|\.safetensors"
    r"|legacy\.py|persistence\.py|load_network_pkl|pretrained|OneDrive|1drv"
)
# A file is missing, up to somewhere in its path: one quotation mark may open it, none may close it.
MISSING_FILE = (
    r"(?:FileNotFoundError|No such file(?: or directory)?:|\[Errno 2\]|findDecoder imread_\(|"
    r"cannot find|can't find|could not find|unable to find)"
    r"[^'\"]{0,80}['\"]?[^'\"]{0,160}"
)
OPTIMIZED_AWAY = r"spconv|cumm|pytorch3d|torch_scatter|torch_sparse|torch_cluster|flash_attn|xformers|detectron2|mmcv"
EVALUATION = r"human_?list|RenderPeople|seq_\d+-rp_|Mean of empty slice|psnr|novel_(?:view|pose)|test_nerf|sherf"
