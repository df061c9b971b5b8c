from __future__ import annotations

import pytest

from checks import Facts, Purpose
from checks.catalogue import cuda as entries
from checks.rules.gpu_support import visible
from tests.checks.corpus import machines
from tests.checks.rules.asking import (
    BLOCK,
    EVAL,
    INFO,
    TRAIN,
    UNSEEN,
    WARN,
    alarms,
    changed,
    evidence,
    fix,
    severity,
    silenced_by,
)

ONE_GPU = Purpose("eval", "demo", gpus=1)
OLD_LIST = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]


@pytest.mark.parametrize("entry", entries.ENTRIES, ids=lambda entry: entry.id)
@pytest.mark.parametrize("purpose", [EVAL, TRAIN, Purpose("train", "demo", gpus=4, precision="bfloat16")], ids=str)
def test_what_is_not_known_is_no_trouble(entry: entries.Entry, purpose: Purpose) -> None:
    assert severity(Facts(), entry.id, purpose) is None


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("2", [2]),
        ("3, 1", [3, 1]),
        ("0,1,4,3", [0, 1]),
        ("0,-1,1", [0]),
        ("GPU-1f3a9c00", [0]),
        ("GPU-1f3a", []),  # the beginning of all four: CUDA takes none
        ("GPU-0000", []),
        ("MIG-2c6a0d1e", "unknown"),
    ],
)
def test_which_gpus_the_variable_leaves(value: str | None, left: list[int] | str) -> None:
    facts = changed("bare-metal-4gpu", gpu={"visible_devices": value})
    shown = visible(facts)
    assert ("unknown" if shown is None else [device.index for device in shown]) == left


@pytest.mark.parametrize(
    ("value", "purpose", "expected"),
    [
        ("", EVAL, WARN),
        ("-1", TRAIN, BLOCK),
        ("9", ONE_GPU, BLOCK),
        ("2", EVAL, None),
        ("0,1", TRAIN, None),
        ("0,1", Purpose("train", "demo", gpus=2), None),
        ("0,1", Purpose("train", "demo", gpus=4), BLOCK),
        ("MIG-2c6a0d1e", TRAIN, None),
        (None, Purpose("train", "demo", gpus=4), None),
    ],
)
def test_hidden_gpus(value: str | None, purpose: Purpose, expected: object) -> None:
    assert severity(changed("bare-metal-4gpu", gpu={"visible_devices": value}), "CUDA.VISIBLE", purpose) == expected


def test_more_gpus_than_the_machine_has_is_not_a_matter_of_the_variable() -> None:
    facts = changed("bare-metal-1gpu", gpu={"visible_devices": "0"})
    assert severity(facts, "CUDA.VISIBLE", Purpose("train", "demo", gpus=4)) is None


def test_a_batch_system_s_variable_is_not_to_be_unset() -> None:
    facts = changed("bare-metal-4gpu", gpu={"visible_devices": ""}, platform={"scheduler": "slurm"})
    assert "srun --gres=gpu:2" in fix(facts, "CUDA.VISIBLE", Purpose("train", "demo", gpus=2))
    assert "unset" not in fix(facts, "CUDA.VISIBLE")


def test_in_a_notebook_the_variable_goes_before_the_import() -> None:
    facts = changed("colab-t4", gpu={"visible_devices": "-1"})
    assert fix(facts, "CUDA.VISIBLE").startswith("in a cell, before torch is imported: ")


@pytest.mark.parametrize(
    ("driver", "cuda", "expected"),
    [
        ("580.65.06", "13.0", None),
        ("580.65.05", "12.9", BLOCK),
        ("580.65.05", "", BLOCK),
        ("595.45.04", "13.2", None),
        ("999.1", "14.0", None),
        ("", "", None),
    ],
)
def test_a_torch_for_cuda_13(driver: str, cuda: str, expected: object) -> None:
    gpu = {"driver": driver, "kernel_driver": driver, "cuda_driver": cuda, "libcuda": "/usr/lib/libcuda.so.1"}
    facts = changed("bare-metal-1gpu", gpu=gpu, torch=UNSEEN)
    assert severity(facts, "CUDA.DRIVER_OLD", TRAIN) == expected


def test_below_the_floor_of_the_major_version() -> None:
    gpu = {"driver": "525.60.11", "kernel_driver": "525.60.11", "cuda_driver": "12.0", "libcuda": ""}
    assert severity(changed("bare-metal-4gpu", gpu=gpu, torch=UNSEEN), "CUDA.DRIVER_OLD", TRAIN) == BLOCK


def test_an_older_minor_version_is_a_remark_and_silences_nothing() -> None:
    facts = changed("colab-t4", torch=UNSEEN)
    assert severity(facts, "CUDA.DRIVER_OLD", TRAIN) == INFO
    assert alarms(facts, TRAIN) == {"TORCH.KERNEL": BLOCK}


def test_on_wsl_the_windows_column_counts() -> None:
    # 551.00 would be CUDA 12.4 on Linux, and is 12.3 on Windows.
    gpu = {"driver": "551.00", "cuda_driver": ""}
    assert severity(changed("wsl2", gpu=gpu), "CUDA.DRIVER_OLD") == INFO
    assert "the Windows driver 551.00" in evidence(changed("wsl2", gpu=gpu), "CUDA.DRIVER_OLD")
    assert severity(changed("bare-metal-4gpu", gpu=gpu), "CUDA.DRIVER_OLD") is None


def test_compatibility_libraries_on_a_data_centre_gpu_are_fine() -> None:
    gpu = {"driver": "535.183.01", "kernel_driver": "535.183.01", "cuda_driver": "13.0",
           "libcuda": "/usr/local/cuda-13.0/compat/libcuda.so.580.65.06"}  # fmt: skip
    torch = {"version": "2.13.0+cu130", "cuda_build": "13.0", "architectures": ["sm_80"]}
    facts = changed("bare-metal-4gpu", gpu=gpu, torch=torch)
    assert alarms(facts, TRAIN) == {}
    assert severity(facts, "CUDA.DRIVER_OLD") is None
    unasked = changed("bare-metal-4gpu", gpu={**gpu, "cuinit": None}, torch={**torch, "state": "not asked", **UNSEEN})
    assert alarms(unasked, TRAIN) == {}


def test_compatibility_libraries_on_a_desk_gpu_explain_the_rest() -> None:
    gpu = {"driver": "535.183.01", "kernel_driver": "535.183.01", "cuda_driver": "13.0", "cuinit": 804,
           "libcuda": "/usr/local/cuda-13.0/compat/libcuda.so.580.65.06"}  # fmt: skip
    facts = changed("bare-metal-1gpu", gpu=gpu, torch=UNSEEN)
    assert alarms(facts, TRAIN) == {"CUDA.COMPAT": BLOCK}
    assert silenced_by(facts, "CUDA.DRIVER_OLD", TRAIN) == "CUDA.COMPAT"
    assert "ubuntu-drivers install" in fix(facts, "CUDA.COMPAT")  # 535 is too old for CUDA 13 by itself


def test_a_driver_that_is_new_enough_need_not_be_updated() -> None:
    gpu = {"cuinit": 804, "libcuda": "/usr/local/cuda-13.2/compat/libcuda.so.595.45.04"}
    toolkit = {"library_path": "/usr/local/cuda-13.2/compat"}
    facts = changed("bare-metal-1gpu", gpu=gpu, torch=UNSEEN, toolkit=toolkit)
    assert fix(facts, "CUDA.COMPAT") == "$ unset LD_LIBRARY_PATH"


@pytest.mark.parametrize(
    ("nvcc", "expected"), [("12.4", None), ("12.3", None), ("12.5", INFO), ("13.0", INFO), ("", None)]
)
def test_nvcc_is_never_more_than_a_remark(nvcc: str, expected: object) -> None:
    facts = changed("bare-metal-4gpu", toolkit={"nvcc": "/usr/bin/nvcc", "nvcc_version": nvcc})
    assert severity(facts, "CUDA.PTX", TRAIN) == expected


@pytest.mark.parametrize(
    ("architectures", "expected"),
    [
        (["sm_80", "sm_86"], None),
        (["sm_89"], None),
        (["sm_80", "compute_80"], None),
        (["sm_75", "compute_75"], BLOCK),
        (["sm_90", "compute_90"], None),  # no code at all: CUDA.ARCH
    ],
)
def test_ptx_alone_needs_a_driver_that_compiles_it(architectures: list[str], expected: object) -> None:
    # driver 12.4, GPU 8.9
    facts = changed("gcp-vm", torch={"cuda_build": "12.8", "architectures": architectures})
    assert severity(facts, "CUDA.PTX", TRAIN) == expected
    same = changed("gcp-vm", torch={"cuda_build": "12.4", "architectures": architectures})
    assert severity(same, "CUDA.PTX", TRAIN) is None


@pytest.mark.parametrize(
    ("capability", "architectures", "expected"),
    [
        ((8, 9), OLD_LIST, None),
        ((12, 0), OLD_LIST, BLOCK),
        ((12, 0), [*OLD_LIST, "compute_90"], None),
        ((7, 0), ["sm_75", "sm_80"], BLOCK),
        ((6, 1), OLD_LIST, None),
        ((3, 7), OLD_LIST, BLOCK),
        ((8, 9), [], None),
    ],
)
def test_architectures_are_asked_of_torch(
    capability: tuple[int, int], architectures: list[str], expected: object
) -> None:
    device = {"name": "some GPU", "capability": capability, "total_bytes": 2**34}
    facts = changed("gcp-vm", torch={"architectures": architectures, "devices": [device]})
    assert severity(facts, "CUDA.ARCH", TRAIN) == expected


def test_one_fitting_gpu_is_enough_for_one() -> None:
    devices = [
        {"name": "A", "capability": (8, 0), "total_bytes": 2**34},
        {"name": "B", "capability": (3, 5), "total_bytes": 2**32},
    ]
    facts = changed("kaggle-t4x2", torch={"devices": devices})
    assert severity(facts, "CUDA.ARCH", TRAIN) == WARN
    assert severity(facts, "CUDA.ARCH", Purpose("train", "demo", gpus=2)) == BLOCK


@pytest.mark.parametrize(
    ("capability", "driver", "step"),
    [
        ((6, 0), "580.65.06", '"torch==2.7.*"'),
        ((7, 0), "580.65.06", '"torch==2.10.*"'),
        ((12, 0), "580.65.06", '"torch==2.14.*"'),
        ((12, 0), "550.54.15", '"torch==2.10.*"'),
        ((3, 7), "580.65.06", "no build of torch serves this GPU"),
    ],
)
def test_the_torch_that_has_code_for_the_gpu(capability: tuple[int, int], driver: str, step: str) -> None:
    card = {"index": 0, "name": "some GPU", "total_bytes": 2**34, "free_bytes": 2**34, "capability": capability}
    gpu = {"devices": [card], "driver": driver, "kernel_driver": driver, "cuda_driver": ""}
    device = {"name": "some GPU", "capability": capability, "total_bytes": 2**34}
    facts = changed("bare-metal-1gpu", gpu=gpu, torch={"architectures": ["sm_90"], "devices": [device]})
    assert step in fix(facts, "CUDA.ARCH", TRAIN)


def test_cuda_home_matters_to_the_published_code_only() -> None:
    assert severity(changed("wsl2"), "CUDA.HOME") is None
    published = {"published_checkout": "/home/ben/SHERF"}
    facts = changed("wsl2", work=published)
    assert severity(facts, "CUDA.HOME", TRAIN) == INFO
    assert severity(changed("bare-metal-4gpu", work=published), "CUDA.HOME", TRAIN) is None


def test_a_variable_that_leads_nowhere() -> None:
    facts = changed("wsl2", toolkit={"cuda_home": "/usr/local/cuda-11.8"})
    assert evidence(facts, "CUDA.HOME") == "CUDA_HOME=/usr/local/cuda-11.8 does not exist"


def test_only_the_folder_that_shadows_leaves_the_path() -> None:
    toolkit = {"library_path": "/usr/lib64-nvidia:/opt/cudnn8/lib/", "shadowing": ["/opt/cudnn8/lib/libcudnn.so.8"]}
    failed = {"device": 0, "operation": "matmul", "precision": "float16", "ok": False, "error": "CUDNN_STATUS_X"}
    facts = changed("colab-t4", toolkit=toolkit, torch={"kernels": [failed]})
    assert alarms(facts, TRAIN) == {"LIB.CUDNN": BLOCK}
    assert "os.environ['LD_LIBRARY_PATH'] = '/usr/lib64-nvidia'" in fix(facts, "LIB.CUDNN")


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        ({}, INFO),
        ({"state": "missing"}, None),
        ({"cuda_build": "", "cuda_available": False}, None),
        ({"state": "broken", "error": "ImportError: No module named sympy"}, INFO),
        ({"state": "broken", "error": "undefined symbol: ncclCommRegister"}, BLOCK),
    ],
)
def test_shadowed_libraries(torch: dict[str, object], expected: object) -> None:
    facts = changed("gcp-vm", torch=torch, toolkit={"library_path": "/opt", "shadowing": ["/opt/libnccl.so.2"]})
    assert severity(facts, "LIB.CUDNN") == expected


@pytest.mark.parametrize("name", machines())
@pytest.mark.parametrize("precision", ["float32", "tf32", "float16", "bfloat16"])
def test_bfloat16_is_advised_against_on_t4_only(name: str, precision: str) -> None:
    purpose = Purpose("eval", "demo", precision=precision)  # type: ignore[arg-type]
    t4 = name in {"colab-t4", "kaggle-t4x2"}
    assert severity(changed(name), "T4.BF16", purpose) == (WARN if t4 and precision == "bfloat16" else None)


def test_a_hidden_gpu_is_not_why_a_driver_is_too_old() -> None:
    gpu = {"visible_devices": "-1", "driver": "470.42.01", "kernel_driver": "470.42.01", "cuda_driver": "11.4"}
    facts = changed("bare-metal-1gpu", gpu={**gpu, "libcuda": "/usr/lib/libcuda.so.470.42.01"}, torch=UNSEEN)
    assert alarms(facts) == {"CUDA.VISIBLE": WARN, "CUDA.DRIVER_OLD": WARN}
