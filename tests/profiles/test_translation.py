from __future__ import annotations

import pytest

from profiles.published_command import parse_command
from profiles.translation import Translation, translate
from sherf_core.errors import ConfigurationError
from tests.profiles.machines import LAPTOP, with_gpus

PUBLISHED = (
    "python -u train.py --outdir=logs/RenderPeople --cfg=RenderPeople "
    "--data=data/RenderPeople_recon/20230228/seq_000000-rp_aaron_posed_002 --gpus=1 --batch=4 --gamma=5 --aug=noaug "
    "--neural_rendering_resolution_initial=512 --gen_pose_cond=True --gpc_reg_prob=0.8 --kimg 800 --workers 2 "
    "--use_1d_feature True --use_2d_feature True --use_3d_feature True --use_NeRF_decoder True --use_trans True"
)


def codes(translation: Translation, kind: str) -> list[tuple[str, str]]:
    return [(remark.option, remark.code) for remark in translation.remarks if remark.kind == kind]


def test_the_command_that_never_worked_there_works_here() -> None:
    found = translate(PUBLISHED, with_gpus())
    training = found.profile.training
    assert (found.action, found.dataset) == ("train", "RenderPeople")
    assert found.command == (
        "sherfctl run train --dataset RenderPeople --data data/RenderPeople_recon/20230228 --gpus 1 --kimg 800 "
        "--set samples_per_gpu=1 --set accumulation=4 --set schedule=published --resolution 512 --out logs/RenderPeople"
    )
    assert (found.profile.gpu_count, training.samples_per_gpu, training.accumulation) == (1, 1, 4)
    assert (training.precision, training.resolution, training.workers) == ("float32", 512, 2)
    assert found.profile.paths.data == "data/RenderPeople_recon/20230228"
    assert found.profile.paths.output == "logs/RenderPeople"
    assert codes(found, "wrong") == [("batch", "RUN.BATCH")]
    assert "never worked there" in found.remarks[0].text


def test_the_published_set_up_has_nothing_wrong() -> None:
    command = PUBLISHED.replace("--gpus=1", "--gpus=4")
    found = translate(command, with_gpus(count=4))
    assert codes(found, "wrong") == []
    assert (found.profile.gpu_count, found.profile.launcher, found.profile.training.accumulation) == (4, "torchrun", 1)


def test_ignored_options_say_why_and_unknown_ones_are_named() -> None:
    found = translate(PUBLISHED + " --frobnicate 3 --gama=2 stray")
    ignored = {remark.option: remark.text for remark in found.remarks if remark.kind == "ignored"}
    assert "adversarial" in ignored["gamma --aug"]
    assert "one model" in ignored["use_1d_feature --use_2d_feature --use_3d_feature --use_NeRF_decoder --use_trans"]
    assert "not an option that is known" in ignored["frobnicate"]
    assert "did you mean --gamma?" in ignored["gama"]
    assert "'stray'" in ignored[""]


@pytest.mark.parametrize(
    ("command", "gpus", "batch", "accumulation", "wrong"),
    [
        ("python train.py --gpus=2 --batch=4", 2, 4, 2, ["RUN.BATCH"]),
        ("python train.py --gpus=3 --batch=4", 2, 4, 2, ["RUN.BATCH"]),
        ("python train.py --gpus=4 --batch=8", 4, 8, 2, ["RUN.BATCH"]),
        ("python train.py --gpus=8 --batch=4", 4, 4, 1, ["RUN.BATCH"]),
        ("python train.py --gpus=1 --batch=1", 1, 1, 1, []),
        ("python train.py --gpus 0 --batch 0", 1, 4, 4, ["", "", "RUN.BATCH"]),
        ("python train.py --gpus 99 --batch 99999", 1, 4, 4, ["", "", "RUN.BATCH"]),
        ("CUDA_VISIBLE_DEVICES=0,1 python train.py --gpus=4 --batch=4", 2, 4, 2, ["CUDA.VISIBLE"]),
        ("CUDA_VISIBLE_DEVICES=0,1 python train.py --batch=2", 2, 2, 1, []),
    ],
)
def test_gpus_and_batches(command: str, gpus: int, batch: int, accumulation: int, wrong: list[str]) -> None:
    found = translate(command)
    training = found.profile.training
    assert (found.profile.gpu_count, training.effective_batch, training.accumulation) == (gpus, batch, accumulation)
    assert sorted(code for _, code in codes(found, "wrong")) == sorted(wrong)


def test_more_gpus_than_are_here() -> None:
    found = translate("python train.py --gpus=4 --batch=4", with_gpus(count=2))
    assert codes(found, "wrong") == [("gpus", "RUN.GPUS")]
    assert (found.profile.gpu_count, found.profile.training.accumulation) == (2, 2)
    here = translate("python train.py --gpus=4 --batch=4", LAPTOP)
    assert here.profile.gpu_count == 4
    assert ("gpus", "") in codes(here, "differs")


@pytest.mark.parametrize(
    "start",
    [
        "python train.py",
        "python3 -u train.py",
        "python3.8 sherf/train.py",
        "$ CUDA_VISIBLE_DEVICES=0 python train.py",
        "!python train.py",
        "torchrun --standalone --nproc_per_node=1 train.py",
        "python -m torch.distributed.launch --nproc_per_node 1 train.py",
        "nohup /opt/conda/bin/python train.py",
    ],
)
def test_ways_to_start_it(start: str) -> None:
    command = parse_command(f"{start} --gpus=1 \\\n  --outdir 'a b/c' --flag --batch 4 > log.txt 2>&1")
    assert command.options == {"gpus": "1", "outdir": "a b/c", "flag": "True", "batch": "4"}
    assert command.strays == ()


def test_a_launcher_in_front_starts_the_processes_twice() -> None:
    found = translate("torchrun --nproc_per_node=2 train.py --batch 2", with_gpus(count=2))
    assert codes(found, "wrong") == [("", "RUN.GPUS")]
    assert found.profile.gpu_count == 2


def test_a_test_command_becomes_run_eval() -> None:
    found = translate(
        "python train.py --cfg=RenderPeople --data=data/rp --gpus=4 --batch=4 --outdir=logs/x "
        "--resume='my logs/SHERF_RenderPeople.pkl' --test_flag True --neural_rendering_resolution_initial 256"
    )
    assert found.action == "eval"
    assert found.command == (
        "sherfctl run eval --dataset RenderPeople --data data/rp --checkpoint 'my logs/SHERF_RenderPeople.pkl' "
        "--resolution 256 --out logs/x"
    )
    assert (found.profile.gpu_count, found.profile.evaluation.resolution) == (1, 256)
    assert codes(found, "wrong") == []
    assert ("gpus", "") in codes(found, "differs")


def test_learning_rate_seed_and_accumulation_go_into_the_training_command() -> None:
    found = translate("python train.py --gpus=2 --batch=4 --glr=0.001 --seed 3")
    assert found.command == (
        "sherfctl run train --gpus 2 --set samples_per_gpu=1 --set accumulation=2 --set schedule=published "
        "--set adam.learning_rate=0.001 --set seed=3 --resolution 512"
    )


def test_published_weights_without_the_flag_are_a_test_and_other_weights_are_not() -> None:
    assert translate("python train.py --resume logs/SHERF_THuman.pkl --cfg THuman").action == "eval"
    assert translate("python train.py --resume logs/network-snapshot-000100.pkl").action == "train"
    assert translate("python train.py --resume logs/SHERF_THuman.pkl --test_flag False").action == "train"


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("zju_mocap", "ZJU-MoCap"), ("HuMMan", "HuMMan"), ("THuman", "THuman"), ("renderpeople", "RenderPeople")],
)
def test_names_of_data_sets(name: str, dataset: str) -> None:
    assert translate(f"python train.py --cfg={name}").dataset == dataset


def test_an_unknown_data_set_is_said() -> None:
    assert ("cfg", "") in codes(translate("python train.py --cfg=ffhq"), "wrong")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no train.py"),
        ("python test.py --gpus=1", "no train.py"),
        ("python train.py --outdir='x", "cannot be taken apart"),
        ("python train.py --gpus=two", "no whole number"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_a_fix(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        translate(text)
    assert caught.value.fix
