"""Root causes that many findings share: without a GPU or a torch, nothing else about them can be told."""

from __future__ import annotations

NO_TORCH = ("PY.VERSION", "TORCH.MISSING", "TORCH.BROKEN")
NO_WSL_GPU = ("WSL.V1", "WSL.NODXG", "WSL.LINUXDRIVER", "WSL.BLOCKED", "WSL.LIBCUDA")
NO_GPU = (*NO_WSL_GPU, "GPU.NONE", "GPU.NODEV", "GPU.STUB", "CUDA.COMPAT", "GPU.MISMATCH", "GPU.UVM")
