from __future__ import annotations

import pytest

from checks.explain import close_ids, explain, named
from checks.explain.text import PIECE
from tests.checks.explain.logs import HEALTHY, TROUBLES, found

STORY = """\
1. dimension mismatch between shapedirs and v_template, in smpl_numpy.py
ValueError: cannot reshape array of size 620100 into shape (6890,3)

2. dimension errors in volume rendering
ValueError: pts1 and pts2 must have the same batch dimension.

3. RuntimeError: context has already been set

4. OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root.
"""
CHUMPY = """\
Traceback (most recent call last):
  File "a.py", line 3, in <module>
    import chumpy
ModuleNotFoundError: No module named 'chumpy'
"""
CPU_TORCH = """\
Traceback (most recent call last):
  File "a.py", line 9, in <module>
    x.cuda()
AssertionError: Torch not compiled with CUDA enabled
"""
DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"


def test_the_four_errors_of_one_story() -> None:
    assert found(STORY) == ["SMPL.SHAPEDIRS300", "RUN.BATCH", "RUN.STARTMETHOD", "CUDA.HOME"]


@pytest.mark.parametrize("link", [DURING, CAUSE])
def test_in_a_chain_the_first_exception_is_the_root(link: str) -> None:
    assert found(CHUMPY + link + CPU_TORCH) == ["SMPL.CHUMPY", "TORCH.CPU"]


def test_without_a_chain_the_last_traceback_ended_the_run() -> None:
    assert found(CHUMPY + "falling back\n" + CPU_TORCH) == ["TORCH.CPU", "SMPL.CHUMPY"]


def test_a_warning_above_comes_after_the_error() -> None:
    warning = "/x/cuda/__init__.py:52: UserWarning: CUDA initialization: The NVIDIA driver on your system is too old\n"
    assert found(warning + TROUBLES["SMPL.MISSING-1"]) == ["SMPL.MISSING", "CUDA.DRIVER_OLD"]


def test_what_follows_from_another_trouble_comes_after_it() -> None:
    both = "NVIDIA GPU: no kernel image is available for execution on the device\nNo module named 'torch'\n"
    assert found(both)[0] == "TORCH.MISSING"


def test_other_ranks_give_up_because_one_did() -> None:
    ranks = "".join(
        f'[rank{rank}]: Traceback (most recent call last):\n[rank{rank}]:   File "train.py", line 9, in <module>\n'
        f"[rank{rank}]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"
        for rank in range(4)
    )
    end = (
        'Traceback (most recent call last):\n  File "train.py", line 2, in main\n'
        "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1970, unhandled system error\n"
    )
    assert found(ranks + end) == ["RUN.VRAM", "WSL.NCCL"]


def test_code_that_a_notebook_shows_around_the_error_is_no_error() -> None:
    notebook = """\
RuntimeError                              Traceback (most recent call last)
/usr/lib/python3/torch/cuda/__init__.py in _lazy_init()
    160         if not hasattr(torch._C, "_cuda_getDeviceCount"):
    161             raise AssertionError("Torch not compiled with CUDA enabled")
--> 172         torch._C._cuda_init()
    173         # Some of the queued calls may reentrantly call _lazy_init();

RuntimeError: The NVIDIA driver on your system is too old (found version 10010).
"""
    assert found(notebook) == ["CUDA.DRIVER_OLD"]


@pytest.mark.parametrize(
    "text",
    [
        "export CUDA_HOME=/usr/local/cuda-11.3",
        '-raise RuntimeError("CUDA out of memory")',
        "    pass  # context has already been set",
        "10475 samples, 6890 test",
        "Failed to load image Python extension: libc10_cuda.so: cannot open shared object file",
        "UserWarning: Failed to load image Python extension: '/x/image.so: undefined symbol: _ZN3c1017RegisterE'"
        "If you don't plan on using image functionality from torchvision.io, you can ignore this warning.",
    ],
)
def test_a_single_line_may_be_no_trouble(text: str) -> None:
    assert found(text) == []


def test_what_stands_after_a_remark_to_ignore_still_counts() -> None:
    remark = "Failed to load image Python extension: 'a' you can ignore this warning.\n"
    assert found(remark + "ImportError: libtorch_cpu.so: cannot open shared object file\n") == ["TORCH.BROKEN"]


def test_a_statement_without_a_sign_of_diff_may_be_what_somebody_asks_about() -> None:
    assert found('raise AssertionError("Torch not compiled with CUDA enabled")') == ["TORCH.CPU"]


def test_who_holds_the_memory_is_told_apart() -> None:
    assert found(TROUBLES["GPU.BUSY-2"]) == ["GPU.BUSY", "RUN.VRAM"]
    assert found(TROUBLES["RUN.VRAM-4"]) == ["RUN.VRAM"]
    assert found(TROUBLES["RUN.VRAM-2"]) == ["RUN.VRAM"]  # process 41253 is the one that says so
    third = TROUBLES["RUN.VRAM-4"].replace("2.40 GiB", "7.40 GiB").replace("20.30 GiB", "15.30 GiB")
    assert found(third) == ["RUN.VRAM", "GPU.BUSY"]
    assert found(TROUBLES["RUN.VRAM-4"] + TROUBLES["GPU.BUSY-2"])[0] == "GPU.BUSY"


def test_of_memory_that_does_not_suffice_only_what_is_known_is_said() -> None:
    (finding,) = explain("CUDA out of memory").findings
    assert "has left for it" in finding.entry.cause  # neither that the GPU is too small, nor that it is full
    commands = [step for step in finding.steps if step.startswith("$ ")]
    assert [step.split("--profile ")[-1] for step in commands] == [
        "$ nvidia-smi",
        "laptop-6gb --resolution 256",
        "cpu",
    ]


def test_a_container_that_was_given_a_gpu_lacks_a_driver_on_its_host() -> None:
    error = "RuntimeError: Found no NVIDIA driver on your system.\n"
    assert found("$ docker run -it sherf\n" + error) == ["GPU.NODEV", "GPU.NONE"]
    assert found("$ docker run --gpus all -it sherf\n" + error) == ["GPU.NONE"]


def test_syntax_errors_of_other_programs_are_not_about_this_python() -> None:
    assert found(TROUBLES["PY.VERSION-2"].replace("/sherf/sherfctl/", "/mine/")) == []


def test_groups_that_wait_for_each_other_in_wsl() -> None:
    waits = "Watchdog caught collective operation timeout: WorkNCCL(OpType=ALLREDUCE)\n"
    assert found("Linux 5.15.167.4-microsoft-standard-WSL2\n" + waits) == ["WSL.NCCL"]
    assert found(waits) == ["TORCH.KERNEL"]


def test_a_heading_is_no_comment() -> None:
    assert found("# RuntimeError: context has already been set\n\nHello,\nI have this\nsince today.\n") == [
        "RUN.STARTMETHOD"
    ]


def test_the_file_that_is_named_nearest_decides() -> None:
    body, weights = "Loading assets/SMPL_NEUTRAL.pkl\n", 'Resuming from "logs/SHERF_RenderPeople.pkl"\n'
    error = "_pickle.UnpicklingError: invalid load key, 'v'.\n"
    assert found(body + weights + error) == ["CKPT.FILE"]
    assert found(weights + body + error) == ["SMPL.LFS"]


def test_killed_in_a_sentence_is_no_trouble() -> None:
    assert found("The process was killed by the administrator\nand then I\nstarted it\nagain.\n") == []
    assert found("killed 3 stale workers\nok\nok\nok\n") == []


@pytest.mark.parametrize(
    "text", ["IndexError: list index out of range", "ValueError: cannot convert float NaN to integer"]
)
def test_errors_of_anything_need_the_evaluation_around_them(text: str) -> None:
    assert found(text) == []
    assert found(f"evaluating RenderPeople\n{text}") == ["DATA.RP_COUNT"]


def test_questions_count_in_short_texts_only() -> None:
    question = "how long does training take?"
    assert found(question) == ["RUN.TIME"]
    assert found("\n".join([question] * 20)) == []


def test_words_of_this_program() -> None:
    assert found("error: a long story that\n  is wrapped [CKPT.FILE]\n  fix:      again\n") == ["CKPT.FILE"]
    assert found('{"error": {"type": "DatasetError", "code": "DATA.LIST", "path": null}}') == ["DATA.LIST"]
    assert found('{"findings": [{"id": "SYS.DISK", "severity": "block"}, {"id": "SMPL.PY2", "severity": "info"}]}') == [
        "SYS.DISK"
    ]
    assert found("✗ no room for results  [SYS.DISK]\n✓ Torch: 2.6\n• Skipped [RUN.GPUS]\n") == ["SYS.DISK"]
    assert found("error: something [NO.SUCH_ID]") == []


def test_evidence_is_the_line_and_its_number() -> None:
    (finding,) = explain("Loading\n\n  OSError: [Errno 28] No space left on device: 'a.png'\n").findings
    assert (finding.line, finding.evidence) == (3, "OSError: [Errno 28] No space left on device: 'a.png'")
    (finding,) = explain("CUDA out of memory").findings
    assert (finding.line, finding.evidence) == (None, "CUDA out of memory")


def test_an_error_in_the_midst_of_a_long_log_is_found() -> None:
    filler = HEALTHY["training-published-style"] * (PIECE // len(HEALTHY["training-published-style"]) + 1)
    text = filler + TROUBLES["RUN.VRAM-1"] + filler
    (finding,) = explain(text[start : start + 65536] for start in range(0, len(text), 65536)).findings
    assert finding.entry.id == "RUN.VRAM"
    assert finding.line == filler.count("\n") + 1


@pytest.mark.parametrize("place", range(-120, 1, 20))
def test_an_error_across_the_border_of_two_pieces_is_found_once(place: int) -> None:
    error = "RuntimeError: The NVIDIA driver on your\nsystem is too old (found version 11040).\n"
    text = "x\n" * ((PIECE + place) // 2) + error + "y\n" * PIECE
    (finding,) = explain(text).findings
    assert finding.entry.id == "CUDA.DRIVER_OLD"


def test_ids_in_any_spelling() -> None:
    for word in ("SMPL.HTML", "smpl.html", "Smpl-Html", "[SMPL.HTML]", "smpl_html", "SMPL HTML"):
        assert [entry.id for entry in named(word)] == ["SMPL.HTML"]
    assert [entry.id for entry in named("ckpt_persistence")] == ["CKPT.PERSISTENCE"]
    assert {entry.id.split(".")[0] for entry in named("gpu")} == {"GPU"}
    assert len(named("gpu")) > 5
    assert named("nothing") == ()


def test_ids_with_a_slip_are_suggested() -> None:
    assert close_ids("SMPL.HTLM") == ("SMPL.HTML",)
    assert close_ids("a sentence about something else") == ()


def test_steps_are_those_without_a_machine() -> None:
    for entry in (finding.entry for finding in explain(STORY).findings):
        assert "{" not in "".join(entry.general or entry.fix)
