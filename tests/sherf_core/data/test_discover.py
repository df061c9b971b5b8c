import pytest

from sherf_core.data.discover import (
    DEMO_ROOT,
    USUAL_BODY,
    USUAL_CHECKPOINT,
    USUAL_DATA,
    UserFiles,
    WeightKind,
    find_sources,
    user_files,
)
from sherf_core.data.locations import DATASET_FOLDERS, checkpoint_name
from sherf_core.data.splits import DEMO, RENDERPEOPLE
from sherf_core.errors import BodyFileError, CheckpointError, ConfigurationError, DatasetError


@pytest.fixture
def complete(tmp_path):
    (tmp_path / USUAL_DATA).mkdir(parents=True)
    for name in (USUAL_BODY, USUAL_CHECKPOINT):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_an_empty_folder_gives_the_embedded_demo(tmp_path):
    sources = find_sources(user_files([tmp_path]))
    assert (sources.split, sources.data, sources.body, sources.checkpoint) == (DEMO, DEMO_ROOT, None, None)
    assert sources.weights is WeightKind.DEMO
    assert sources.notes == ()


def test_the_users_own_files_are_found(complete):
    sources = find_sources(user_files([complete]))
    assert sources.split is RENDERPEOPLE
    assert sources.data == complete / USUAL_DATA
    assert sources.body == complete / USUAL_BODY
    assert sources.checkpoint == complete / USUAL_CHECKPOINT
    assert sources.weights is WeightKind.CHECKPOINT


def test_the_demo_stays_embedded_and_says_what_it_leaves_unused(complete):
    sources = find_sources(user_files([complete]), dataset="demo")
    assert (sources.data, sources.body, sources.checkpoint) == (DEMO_ROOT, None, None)
    assert len(sources.notes) == 2
    assert "--checkpoint" in sources.notes[1]


def test_renderpeople_without_body_or_weights_is_an_error_with_a_way_out(complete):
    (complete / USUAL_CHECKPOINT).unlink()
    with pytest.raises(CheckpointError, match="no trained weights") as caught:
        find_sources(user_files([complete]))
    assert caught.value.code == "CKPT.MISSING"
    assert "--checkpoint" in caught.value.fix
    assert find_sources(user_files([complete]), checkpoint="untrained").weights is WeightKind.UNTRAINED
    (complete / USUAL_BODY).unlink()
    with pytest.raises(BodyFileError) as body_error:
        find_sources(user_files([complete]))
    assert body_error.value.code == "SMPL.MISSING"


def test_a_published_pickle_is_taken(complete):
    pickled = (complete / USUAL_CHECKPOINT).with_suffix(".pkl")
    (complete / USUAL_CHECKPOINT).rename(pickled)
    assert find_sources(user_files([complete])).checkpoint == pickled


def test_named_files(complete, tmp_path):
    made = tmp_path / "made"
    sources = find_sources(user_files([tmp_path]), data=made, body="embedded", checkpoint="untrained")
    assert (sources.split, sources.data, sources.body) == (RENDERPEOPLE, made, None)
    with pytest.raises(BodyFileError, match=r"nobody\.pkl.*\nfix: .*--body"):
        find_sources(user_files([complete]), body="nobody.pkl")
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors"):
        find_sources(user_files([complete]), checkpoint="nothing.safetensors")


def test_renderpeople_without_data_is_an_error():
    with pytest.raises(DatasetError, match="no RenderPeople data") as caught:
        find_sources(UserFiles(), dataset="RenderPeople")
    assert caught.value.code == "DATA.MISSING"
    assert "--dataset demo" in caught.value.fix


def test_an_unknown_data_set_is_an_error():
    with pytest.raises(ConfigurationError, match="no data set called 'nowhere'"):
        find_sources(UserFiles(), dataset="nowhere")


@pytest.mark.parametrize("dataset", ["THuman", "HuMMan", "ZJU-MoCap"])
def test_every_published_data_set_has_folder_and_weights_of_its_own(tmp_path, dataset):
    folder = tmp_path / DATASET_FOLDERS[dataset][0]
    weights = tmp_path / "models/smpl" / f"{checkpoint_name(dataset)}.safetensors"
    with pytest.raises(DatasetError, match=f"no {dataset} data at"):
        find_sources(user_files([tmp_path]), dataset=dataset, body="embedded")
    folder.mkdir(parents=True)
    with pytest.raises(CheckpointError) as caught:
        find_sources(user_files([tmp_path]), dataset=dataset, body="embedded")
    assert checkpoint_name(dataset) in caught.value.found
    with pytest.raises(BodyFileError, match=f"{dataset} needs the SMPL body"):
        find_sources(user_files([tmp_path]), dataset=dataset)
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"x")
    sources = find_sources(user_files([tmp_path]), dataset=dataset, body="embedded")
    assert (sources.split.dataset, sources.data, sources.checkpoint) == (dataset, folder, weights)
    # Whoever names nothing still gets the demo: these sets are never chosen by their presence.
    assert find_sources(user_files([tmp_path])).split is DEMO
