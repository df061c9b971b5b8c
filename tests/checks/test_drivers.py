from __future__ import annotations

import pytest

from checks.drivers import (
    DriverFit,
    driver_fit,
    is_data_centre,
    machine_code_fits,
    newest_cuda,
    ptx_fits,
    torch_for,
    torch_releases,
)

# NVIDIA CUDA Toolkit release notes: toolkit, first driver for Linux, for Windows, and a driver just below each.
ROWS = [
    ("13.2", "595.45.04", "595.45.03", "", ""),
    ("13.1", "590.44.01", "590.44", "", ""),
    ("13.0", "580.65.06", "580.65.05", "", ""),
    ("12.9", "575.51.03", "575.51.02", "576.02", "576.01"),
    ("12.8", "570.26", "570.25", "570.65", "570.64"),
    ("12.6", "560.28.03", "560.28.02", "560.76", "560.75"),
    ("12.5", "555.42.02", "555.42.01", "555.85", "555.84"),
    ("12.4", "550.54.14", "550.54.13", "551.61", "551.60"),
    ("12.3", "545.23.06", "545.23.05", "545.84", "545.83"),
    ("12.2", "535.54.03", "535.54.02", "536.25", "536.24"),
    ("12.1", "530.30.02", "530.30.01", "531.14", "531.13"),
    ("12.0", "525.60.13", "525.60.12", "527.41", "527.40"),
    ("11.8", "520.61.05", "520.61.04", "520.06", "520.05"),
    ("11.7", "515.43.04", "515.43.03", "516.01", "516.00"),
    ("11.6", "510.39.01", "510.39.00", "511.23", "511.22"),
    ("11.5", "495.29.05", "495.29.04", "496.04", "496.03"),
    ("11.4", "470.42.01", "470.42.00", "471.11", "471.10"),
    ("11.3", "465.19.01", "465.19.00", "465.89", "465.88"),
    ("11.2", "460.27.03", "460.27.02", "460.82", "460.81"),
    ("11.1", "455.23", "455.22", "456.38", "456.37"),
    ("11.0", "450.51.05", "450.51.04", "451.48", "451.47"),
]
OLDER = [*[row[0] for row in ROWS[1:]], ""]
FITS = DriverFit


@pytest.mark.parametrize(("row", "older"), list(zip(ROWS, OLDER, strict=True)), ids=lambda v: v[0] if v else "none")
def test_each_row_in_the_linux_column(row: tuple[str, ...], older: str) -> None:
    cuda, driver, below, _, _ = row
    assert newest_cuda(driver) == cuda
    assert newest_cuda(below) == older


@pytest.mark.parametrize(
    ("row", "older"), list(zip(ROWS[3:], OLDER[3:], strict=True)), ids=lambda v: v[0] if v else "none"
)
def test_each_row_in_the_windows_column(row: tuple[str, ...], older: str) -> None:
    cuda, _, _, driver, below = row
    assert newest_cuda(driver, windows=True) == cuda
    assert newest_cuda(below, windows=True) == older


@pytest.mark.parametrize(
    ("driver", "cuda"), [("579.99", "12.9"), ("580.88", "13.0"), ("591.44", "13.1"), ("596.02", "13.2")]
)
def test_windows_drivers_of_a_branch_without_a_row_serve_that_branch(driver: str, cuda: str) -> None:
    assert newest_cuda(driver, windows=True) == cuda


def test_columns_differ() -> None:
    assert newest_cuda("551.00") == "12.4"
    assert newest_cuda("551.00", windows=True) == "12.3"


@pytest.mark.parametrize("driver", ["", "no number", "418.87"])
def test_unknown_drivers_serve_nothing_known(driver: str) -> None:
    assert newest_cuda(driver) == ""
    assert driver_fit(driver, "", "12.4") is FITS.UNKNOWN


@pytest.mark.parametrize(
    ("driver", "runtime", "fit"),
    [
        ("580.65.06", "12.8", FITS.NEWER_MAJOR),
        ("580.65.06", "11.8", FITS.NEWER_MAJOR),
        ("560.28.03", "12.6", FITS.SAME),
        ("560.28.03", "12.4", FITS.SAME),
        ("560.28.02", "12.6", FITS.MINOR_COMPATIBLE),
        ("525.60.13", "12.8", FITS.MINOR_COMPATIBLE),
        ("525.60.12", "12.8", FITS.TOO_OLD),
        ("525.60.12", "11.8", FITS.SAME),
        ("450.80.02", "11.8", FITS.MINOR_COMPATIBLE),
        ("450.80.01", "11.8", FITS.TOO_OLD),
        ("450.51.05", "11.0", FITS.SAME),
        ("580.65.06", "13.2", FITS.MINOR_COMPATIBLE),
        ("580.65.05", "13.0", FITS.TOO_OLD),
        ("470.42.01", "12.1", FITS.TOO_OLD),
    ],
)
def test_rules_on_linux(driver: str, runtime: str, fit: DriverFit) -> None:
    assert driver_fit(driver, "", runtime) is fit
    assert driver_fit(driver, newest_cuda(driver), runtime) is fit


@pytest.mark.parametrize(
    ("driver", "runtime", "fit"),
    [
        ("551.61", "12.4", FITS.SAME),
        ("551.60", "12.4", FITS.MINOR_COMPATIBLE),
        ("527.41", "12.8", FITS.MINOR_COMPATIBLE),
        ("527.40", "12.1", FITS.TOO_OLD),
        ("580.88", "12.8", FITS.NEWER_MAJOR),
        ("576.02", "13.0", FITS.TOO_OLD),
    ],
)
def test_rules_on_windows(driver: str, runtime: str, fit: DriverFit) -> None:
    assert driver_fit(driver, "", runtime, windows=True) is fit


def test_what_the_driver_says_goes_before_the_table() -> None:
    assert driver_fit("999.1", "12.7", "12.8") is FITS.MINOR_COMPATIBLE
    assert driver_fit("", "12.7", "12.6") is FITS.SAME
    assert driver_fit("", "11.4", "12.6") is FITS.TOO_OLD
    assert driver_fit("535.54.03", "12.2", "") is FITS.UNKNOWN


def test_compatibility_libraries_help_on_data_centre_gpus_only() -> None:
    # The libraries answer `13.0` in place of the driver, whose own version is 12.2.
    assert driver_fit("535.54.03", "13.0", "13.0", compat_libraries=True, data_centre=True) is FITS.FORWARD_COMPATIBLE
    assert driver_fit("535.54.03", "13.0", "13.0", compat_libraries=True) is FITS.TOO_OLD
    assert driver_fit("535.54.03", "12.2", "13.0", data_centre=True) is FITS.TOO_OLD
    assert driver_fit("535.54.03", "12.4", "12.4", compat_libraries=True) is FITS.MINOR_COMPATIBLE


@pytest.mark.parametrize("fit", list(DriverFit))
def test_what_works(fit: DriverFit) -> None:
    assert fit.works == (fit.value not in {"too old", "unknown"})


@pytest.mark.parametrize(
    "name",
    ["Tesla T4", "Tesla V100-SXM2-16GB", "NVIDIA A100-SXM4-80GB", "NVIDIA H100 80GB HBM3", "NVIDIA L4", "NVIDIA L40S",
     "NVIDIA A10G", "NVIDIA H200", "NVIDIA B200", "NVIDIA GH200 480GB", "NVIDIA T4"],
)  # fmt: skip
def test_gpus_of_data_centres(name: str) -> None:
    assert is_data_centre(name)


@pytest.mark.parametrize(
    "name",
    ["NVIDIA GeForce RTX 4090", "GeForce GT 710", "NVIDIA RTX A6000", "Quadro P400", "NVIDIA TITAN V", "NVIDIA T1000",
     "NVIDIA RTX 6000 Ada Generation", "Quadro T4", ""],
)  # fmt: skip
def test_gpus_of_desks(name: str) -> None:
    assert not is_data_centre(name)


@pytest.mark.parametrize(
    ("architectures", "capability", "code", "ptx"),
    [
        (["sm_80", "sm_86"], (8, 9), True, False),
        (["sm_80", "sm_86"], (8, 6), True, False),
        (["sm_86"], (8, 0), False, False),
        (["sm_75", "sm_90"], (8, 0), False, False),
        (["sm_75", "compute_75"], (12, 0), False, True),
        (["sm_100", "sm_120", "compute_120"], (12, 1), True, True),
        (["sm_120", "compute_120"], (9, 0), False, False),
        (["sm_90a"], (9, 0), True, False),
        (["sm_90a", "compute_90a"], (9, 1), False, False),
        (["sm_100f"], (10, 3), True, False),
        (["gfx90a", "", "sm_"], (9, 0), False, False),
        ([], (8, 0), False, False),
    ],
)
def test_architectures(architectures: list[str], capability: tuple[int, int], code: bool, ptx: bool) -> None:
    assert machine_code_fits(architectures, capability) is code
    assert ptx_fits(architectures, capability) is ptx


@pytest.mark.parametrize(
    ("driver", "windows", "capabilities", "python", "release"),
    [
        ("595.45.04", False, [(8, 9)], "3.12.3", "2.14"),
        ("580.65.06", False, [(7, 5)], "3.11.7", "2.14"),
        ("580.65.06", False, [(7, 0)], "3.11.7", "2.10"),  # V100: CUDA 13 has no machine code for it
        ("580.65.06", False, [(6, 0)], "3.11.7", "2.7"),  # P100
        ("580.65.06", False, [(12, 0)], "3.9.1", "2.8"),
        ("550.54.15", False, [(8, 0)], "3.10.1", "2.10"),
        ("566.36", True, [(8, 6)], "3.12.3", "2.10"),
        ("566.36", True, [(6, 1), (8, 6)], "3.12.3", "2.7"),
        ("470.42.01", False, [(8, 0)], "3.10.1", None),  # CUDA 11 only
        ("550.54.15", False, [(3, 7)], "3.10.1", None),
        ("550.54.15", False, [(6, 0)], "3.14.0", None),
    ],
)
def test_the_torch_that_is_proposed(
    driver: str, windows: bool, capabilities: list[tuple[int, int]], python: str, release: str | None
) -> None:
    found = torch_for(driver, "", windows=windows, capabilities=capabilities, python=python)
    assert (found.torch if found else None) == release


def test_releases_are_in_order() -> None:
    versions = [tuple(map(int, release.torch.split("."))) for release in torch_releases()]
    assert versions == sorted(versions)
    assert versions[0] == (2, 4)
