"""Words that several patterns look for near a message, to tell its causes apart."""

WSL = r"\bWSL|microsoft-standard|/usr/lib/wsl|/mnt/[c-z]/|/dev/dxg|-Microsoft\b"
DOCKER = r"\bdocker|\bcontainer|\bkubectl|\bpod\b|nvidia/cuda:|podman|singularity|apptainer|/\.dockerenv"
NOTEBOOK = r"\bcolab\b|/content/|google\.colab|\bkaggle"
BODY = r"smpl(?!ify)|basicmodel|body_?model|lbs_10_207"
CHECKPOINT = (
    r"SHERF_\w+\.pkl|check_?point|ckpt|network[-_]snapshot|network_pkl|resume_pkl|resume=|\.pth\b|\.pt\b|\.safetensors"
    r"|legacy\.py|persistence\.py|load_network_pkl|pretrained|OneDrive|1drv"
)
MISSING_FILE = (
    r"(?:FileNotFoundError|No such file|\[Errno 2\]|does not exist|doesn't exist|not found|cannot find|can't open)"
)
OPTIMIZED_AWAY = r"spconv|cumm|pytorch3d|torch_scatter|torch_sparse|torch_cluster|flash_attn|xformers|detectron2|mmcv"
EVALUATION = r"human_?list|RenderPeople|seq_\d+-rp_|Mean of empty slice|psnr|novel_(?:view|pose)|test_nerf|sherf"
