"""The catalogue and the places it names are those that the programs look in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sherf_core.assets.catalogue import asset, assets, known_bodies, known_body, repository, smpl_archive, torch_file
from sherf_core.assets.dataset_places import PLACES
from sherf_core.data.locations import BODY_FOLDERS, BODY_NAMES, CHECKPOINT_FOLDERS, DATASET_FOLDERS
from sherf_core.metrics.vgg_files import ADDRESS, WEIGHTS_NAME


def test_places_are_those_that_are_looked_in():
    assert asset("smpl").place == f"{BODY_FOLDERS[0]}/{BODY_NAMES[0]}"
    assert asset("sherf").place == f"{CHECKPOINT_FOLDERS[0]}/SHERF_RenderPeople.pkl"
    assert asset("renderpeople").place == PLACES["renderpeople"].folder == DATASET_FOLDERS["RenderPeople"][0]
    assert asset("thuman-params").place == PLACES["thuman-params"].folder == DATASET_FOLDERS["THuman"][0]
    assert asset("perceptual").place == f"assets/{WEIGHTS_NAME}"
    assert asset("resnet").place == f"assets/{torch_file('resnet').name}"


def test_addresses_and_sums():
    assert ADDRESS == "https://download.pytorch.org/models/vgg16-397923af.pth"
    assert (torch_file("perceptual").digits, torch_file("resnet").digits) == ("397923af", "f37072fd")
    assert smpl_archive().md5 == "21f382969eed3ee3f597b049f228f84d"
    assert all(entry.page.startswith("https://") and entry.licence.page.startswith("https://") for entry in assets())
    assert {(repository(name).kind, repository(name).name) for name in PLACES} == {
        ("dataset", "skhu101/SHERF"),
        ("model", "skhu101/SHERF"),
    }
    neutral = known_body("4924f235e63f7c5d5b690acedf736419c2edb846a2d69fc0956169615fa75688")
    assert neutral is not None
    assert (neutral.gender, neutral.bytes) == ("neutral", 247_186_228)
    assert len(known_bodies()) == 4


def test_the_doctor_s_part_is_light():
    program = (
        "import sys; import sherf_core.assets.catalogue, sherf_core.metrics.vgg_files as files; files.ADDRESS; "
        "print([name for name in ('torch', 'numpy', 'requests', 'huggingface_hub') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
