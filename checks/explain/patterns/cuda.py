"""Words of the driver and of torch about versions of CUDA and about which GPUs may be used."""

from checks.explain.pattern import HINT, LIKELY, MAYBE, Pattern
from checks.explain.patterns.words import DOCKER, NOTEBOOK

_HIDDEN = r"CUDA_VISIBLE_DEVICES"

PATTERNS = (
    Pattern("CUDA.DRIVER_OLD", r"The NVIDIA driver on your system is too old"),
    Pattern("CUDA.DRIVER_OLD", r"CUDA driver version is insufficient for CUDA runtime version"),
    Pattern("CUDA.DRIVER_OLD", r"cudaErrorInsufficientDriver"),
    Pattern("CUDA.DRIVER_OLD", r"requirement error: unsatisfied condition: (?:cuda|driver)"),
    Pattern("CUDA.DRIVER_OLD", r"This container was built for NVIDIA Driver Release.{0,80}or later, but"),
    Pattern("CUDA.COMPAT", r"forward compatibility was attempted on non[- ]?supported H(?:W|ardware)"),
    Pattern("CUDA.COMPAT", r"CompatNotSupportedOnDevice"),
    Pattern("CUDA.COMPAT", r"CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"),
    Pattern("CUDA.PTX", r"provided PTX was comp\w+ with an unsupported toolchain"),
    Pattern("CUDA.PTX", r"unsupported PTX version"),
    Pattern("CUDA.PTX", r"UnsupportedPtxVersion"),
    Pattern("CUDA.PTX", r"UNSUPPORTED_PTX_VERSION"),
    Pattern("CUDA.PTX", r"a PTX JIT compilation failed", LIKELY),
    Pattern("CUDA.PTX", r"ptxas.{0,120}Unsupported \.version"),
    Pattern("CUDA.ARCH", r"no kernel image is available(?: for execution)?"),
    Pattern("CUDA.ARCH", r"cudaErrorNoKernelImageForDevice"),
    Pattern("CUDA.ARCH", r"CUDA_ERROR_NO_BINARY_FOR_GPU"),
    Pattern("CUDA.ARCH", r"is not compatible with the current PyTorch installation"),
    Pattern("CUDA.ARCH", r"PyTorch no longer supports this GPU because it is too old"),
    Pattern("CUDA.ARCH", r"current PyTorch install supports CUDA capabilities"),
    Pattern("CUDA.ARCH", r"which is of (?:cuda|compute) capability \d+\.\d", LIKELY),
    Pattern("CUDA.ARCH", r"CUBLAS_STATUS_ARCH_MISMATCH"),
    Pattern("CUDA.ARCH", r"Unsupported gpu architecture 'compute_\d+", LIKELY),
    Pattern("CUDA.ARCH", r"Unknown CUDA arch", LIKELY),
    Pattern("CUDA.ARCH", r"CUDA error: invalid device function", LIKELY),
    Pattern("CUDA.HOME", r"CUDA_HOME (?:environment variable )?is not set"),
    Pattern("CUDA.HOME", r"CUDA_HOME (?:environment variable )?(?:does not exist|not (?:set|found|defined))"),
    Pattern("CUDA.HOME", r"set it to your CUDA install root"),
    Pattern("CUDA.HOME", r"nvcc: (?:command )?not found"),
    Pattern("CUDA.HOME", r"No such file or directory: \S{0,80}bin/nvcc"),
    Pattern(
        "CUDA.HOME", r"detected CUDA version .{0,40}mismatches the version that was used to compile PyTorch", LIKELY
    ),
    Pattern("CUDA.VISIBLE", r"No CUDA GPUs are available", near=_HIDDEN),
    Pattern("CUDA.VISIBLE", r"No CUDA GPUs are available", LIKELY, unless=NOTEBOOK + "|" + DOCKER),
    Pattern("CUDA.VISIBLE", r"no CUDA-capable device is detected", near=_HIDDEN),
    Pattern("CUDA.VISIBLE", r"no CUDA-capable device is detected", LIKELY, unless=DOCKER),
    Pattern("CUDA.VISIBLE", r"cudaErrorNoDevice", LIKELY),
    Pattern("CUDA.VISIBLE", r"CUDA_ERROR_NO_DEVICE", LIKELY),
    Pattern("CUDA.VISIBLE", r"invalid device ordinal", near=_HIDDEN),
    Pattern("CUDA.VISIBLE", r"invalid device ordinal", LIKELY),
    Pattern("CUDA.VISIBLE", r"deserialize object on CUDA device \d+ but torch\.cuda\.device_count\(\) is \d", LIKELY),
    Pattern("CUDA.VISIBLE", r"Invalid CUDA 'device=\w+' requested", LIKELY),
    Pattern("TORCH.CPU", r"No CUDA runtime is found", LIKELY),
    Pattern("TORCH.CPU", r"torch\.cuda\.is_available\(\) is False", MAYBE),
    Pattern("TORCH.CPU", r"torch\.cuda\.is_available\(\)\W{0,40}False", HINT),
    Pattern("GPU.NONE", r"torch\.cuda\.is_available\(\)(?: is)?\W{0,40}False", HINT),
    Pattern("TORCH.CPU", r"CUDA is not available", HINT, question=True),
    Pattern("GPU.NONE", r"CUDA is not available", HINT, question=True),
)
