"""Settings by dotted names; the published constants."""

import json

import pytest

from sherf_core.errors import ConfigurationError
from sherf_core.train.config import TrainConfig, setting_names


def test_the_defaults_are_the_published_constants():
    config = TrainConfig()
    assert (config.loss.mse, config.loss.acc, config.loss.ssim, config.loss.lpips) == (100, 10, 1, 1)
    assert config.adam.learning_rate * config.adam.ratio == pytest.approx(0.002)
    assert config.adam.beta2**config.adam.ratio == pytest.approx(0.99**0.8)
    assert config.average_half_life * 1000 == 10_000
    assert config.steps * config.effective_batch(1) == 800_000


def test_settings_change_fields_of_every_kind():
    settings = ["loss.mse=50", "rays_per_sample=4_096", "schedule=published", "gradient_checkpointing=true"]
    config = TrainConfig.from_settings([*settings, "adam.learning_rate=1e-3", "rays_per_sample=none"])
    assert (config.loss.mse, config.rays_per_sample, config.schedule) == (50.0, None, "published")
    assert (config.gradient_checkpointing, config.adam.learning_rate) == (True, 1e-3)
    assert TrainConfig.from_settings(settings).rays_per_sample == 4096


def test_a_configuration_survives_json():
    config = TrainConfig.from_settings(["loss.ssim=0", "seed=7", "rays_per_sample=600"])
    assert TrainConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("colour=red", "there is no setting 'colour'"),
        ("loss=3", "there is no setting 'loss'"),
        ("loss.mse.x=3", "there is no setting 'loss.mse.x'"),
        ("steps", "'steps' is no setting"),
        ("steps=0", "steps is 0"),
        ("steps=1.5", "steps is 1.5"),
        ("steps=many", "steps is many"),
        ("schedule=later", "published or cosine or constant"),
        ("gradient_checkpointing=1", "true or false"),
        ("density_noise=nan", "a number"),
        ("loss.acc=-1", "loss.acc is -1"),
        ("adam.beta1=1", "less than 1"),
        ("rays_per_sample=10", "512 or more"),
    ],
)
def test_what_cannot_be_is_refused_by_name(setting, words):
    with pytest.raises(ConfigurationError) as caught:
        TrainConfig.from_settings([setting])
    assert words in str(caught.value)
    assert caught.value.fix


def test_every_field_has_a_name_and_a_description():
    names = setting_names()
    assert {"seed", "loss.lpips", "adam.beta2", "max_bad_steps", "save_every_minutes", "images_every"} <= set(names)
    for name in names:
        owner = {"loss": "LossWeights", "adam": "AdamSettings"}.get(name.partition(".")[0], "TrainConfig")
        description = getattr(__import__("sherf_core.train.config", fromlist=[owner]), owner).__doc__
        assert f"        {name.rpartition('.')[2]}: " in description, name
