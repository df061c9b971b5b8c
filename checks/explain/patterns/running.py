"""Words of a run: how it was started, and the memory that it needs."""

from checks.explain.pattern import LIKELY, MAYBE, Pattern

_SEVERAL = r"--gpus|num_gpus|nproc_per_node|world_size|ProcessRaisedException|\brank\b|DistributedDataParallel|torchrun"
_VGG = r"vgg|lpips|alexnet|torch/hub|load_state_dict_from_url|torchvision"
_OFFLINE = (
    r"(?:urlopen error|getaddrinfo failed|Name or service not known|Temporary failure in name resolution|"
    r"Max retries exceeded|Connection (?:refused|timed out|reset by peer)|Network is unreachable|"
    r"CERTIFICATE_VERIFY_FAILED)"
)

PATTERNS = (
    Pattern("RUN.STARTMETHOD", r"context has already been set"),
    Pattern("RUN.STARTMETHOD", r"Cannot re-initialize CUDA in forked subprocess"),
    Pattern("RUN.STARTMETHOD", r"before the current process has finished its bootstrapping phase", LIKELY),
    Pattern("RUN.STARTMETHOD", r"CUDA error: initialization error", LIKELY, near=r"\bfork|DataLoader worker"),
    Pattern("RUN.BATCH", r"pts1 and pts2 must have the same batch dimension"),
    Pattern("RUN.BATCH", r"size of tensor a \(6890\) must match the size of tensor b \(\d{1,2}\)"),
    Pattern("RUN.BATCH", r"size of tensor a \(\d{1,2}\) must match the size of tensor b \(6890\)"),
    Pattern(
        "RUN.BATCH",
        r"expanded size of the tensor \(\d{1,2}\) must match the existing size \(\d{1,2}\)",
        near=r"\b6890\b|renderer|volume_rendering",
    ),
    Pattern("RUN.BATCH", r"--batch must be a multiple of --gpus", LIKELY),
    Pattern("RUN.GPUS", r"invalid device ordinal", LIKELY + 1, near=_SEVERAL),
    Pattern("RUN.GPUS", r"invalid device ordinal", MAYBE),
    Pattern("RUN.GPUS", r"Duplicate GPU detected"),
    Pattern("RUN.VRAM", r"CUDA out of memory"),
    Pattern("RUN.VRAM", r"CUDA error: out of memory"),
    Pattern("RUN.VRAM", r"torch\.(?:cuda\.)?OutOfMemoryError"),
    Pattern("RUN.VRAM", r"CUBLAS_STATUS_ALLOC_FAILED"),
    Pattern("RUN.VRAM", r"CUDNN_STATUS_ALLOC_FAILED"),
    Pattern("RUN.VRAM", r"cudaErrorMemoryAllocation"),
    Pattern("RUN.VRAM", r"CUDA_ERROR_OUT_OF_MEMORY"),
    Pattern("RUN.VRAM", r"Tried to allocate [\d.]+ [KMG]iB", near=r"GPU|CUDA"),
    Pattern("RUN.VRAM", r"the GPU's memory is used up"),
    Pattern("RUN.SHM", r"^(?:\S*sh: (?:line \d+: )?)?(?:\d+ )?Bus error\b", lines=True),
    Pattern("RUN.SHM", r"is killed by signal: Bus error"),
    Pattern("RUN.SHM", r"Unexpected bus error encountered in worker"),
    Pattern("RUN.SHM", r"insufficient shared memory"),
    Pattern("RUN.SHM", r"out of shared memory\. Please try to raise"),
    Pattern("RUN.SHM", r"unable to (?:write to|open|mmap|resize) .{0,60}/torch_\d+", unless=r"Too many open files"),
    Pattern("RUN.SHM", r"No space left on device", near=r"/dev/shm|/torch_\d"),
    Pattern("RUN.SHM", r"signal 7 \(SIGBUS\)"),
    Pattern("RUN.SHM", r"(?:Signals\.|signal )SIGBUS"),
    Pattern("RUN.LPIPS", _OFFLINE, near=_VGG),
    Pattern("RUN.LPIPS", r"invalid hash value \(expected \"?(?:397923af|6c6fa4fd|4df8aa71)"),
    Pattern("RUN.LPIPS", r"(?:FileNotFoundError|No such file).{0,200}vgg16\S{0,20}\.pth"),
    Pattern("T4.BF16", r"Current CUDA Device does not support bfloat16"),
    Pattern("T4.BF16", r"bfloat16 is only supported on GPUs with compute capability"),
    Pattern("T4.BF16", r"does(?:n't| not) support (?:bf16|bfloat16)"),
    Pattern("T4.BF16", r"bf16 (?:is not|isn't) supported", LIKELY),
    Pattern("T4.BF16", r"not implemented for 'BFloat16'", LIKELY),
)
