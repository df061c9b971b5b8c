import numpy as np
import pytest
import torch
from torch import nn

from sherf_core.errors import BrokenFileError
from sherf_core.metrics.lpips import Lpips
from sherf_core.metrics.measurement import EMPTY_MASK, NOT_FINITE, Protocol
from sherf_core.metrics.vgg import Vgg16Features, load_vgg, require_named_digest
from sherf_core.metrics.vgg_files import WEIGHTS_NAME, find_vgg_weights


def torchvision_vgg16_features() -> nn.Sequential:
    """VGG16's `features` as torchvision numbers them: configuration D of Simonyan and Zisserman."""
    layers: list[nn.Module] = []
    channels = 3
    for width in [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]:
        if width == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def reference():
    torch.manual_seed(3)
    network = torchvision_vgg16_features()
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.05)
    return network.eval()


@pytest.fixture(scope="module")
def weights_file(reference, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "random_vgg16.pth"
    state = {f"features.{name}": value for name, value in reference.state_dict().items()}
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, path)
    return path


@pytest.fixture(scope="module")
def lpips(weights_file):
    return Lpips.from_file(weights_file)


@pytest.fixture
def images():
    random = np.random.default_rng(5)
    return [random.random((48, 40, 3)).astype(np.float32) for _ in range(2)]


def straightforward_lpips(reference, lpips, a, b):
    """The paper's equation in numpy, pixel features from torchvision's layer order; images (H, W, 3) in -1..1."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    taps = {3: 0, 8: 1, 15: 2, 22: 3, 29: 4}  # relu1_2, relu2_2, relu3_3, relu4_3, relu5_3

    def features(image):
        x = torch.from_numpy(((image - shift) / scale).transpose(2, 0, 1)[None].astype(np.float32))
        found = {}
        for index, layer in enumerate(reference):
            x = layer(x)
            if index in taps:
                found[taps[index]] = x[0].detach().double().numpy()
        return found

    features_a, features_b, total = features(a), features(b), 0.0
    for stage in range(5):
        unit_a = features_a[stage] / np.linalg.norm(features_a[stage], axis=0, keepdims=True)
        unit_b = features_b[stage] / np.linalg.norm(features_b[stage], axis=0, keepdims=True)
        weight = getattr(lpips, f"head{stage}").double().numpy().reshape(-1, 1, 1)
        total += (weight * (unit_a - unit_b) ** 2).sum(axis=0).mean()
    return total


@pytest.mark.parametrize("protocol", list(Protocol))
def test_agrees_with_a_straightforward_computation(reference, lpips, images, protocol):
    a, b = images
    whole = np.ones(a.shape[:2], bool)
    inputs = (a, b) if protocol is Protocol.PAPER else (2 * a - 1, 2 * b - 1)
    expected = straightforward_lpips(reference, lpips, *inputs)
    assert expected > 0.01
    assert lpips.measure(a, b, whole, protocol).value == pytest.approx(expected, rel=1e-4)


def test_identical_images_are_at_distance_zero(lpips, images):
    assert lpips.measure(images[0], images[0], np.ones((48, 40), bool), Protocol.PAPER).value == 0.0


def test_distance_is_symmetric_and_each_pair_stands_alone(lpips, images):
    a, b = (torch.from_numpy(image.transpose(2, 0, 1)).float()[None] for image in images)
    with torch.no_grad():
        forward, backward = lpips(a, b), lpips(b, a)
        both = lpips(torch.cat([a, a]), torch.cat([b, a]))
    assert torch.allclose(forward, backward)
    assert both[0].item() == pytest.approx(forward.item(), rel=1e-5)
    assert both[1].item() == 0.0


def test_stages_whose_features_are_opposite_unit_vectors_add_their_heads():
    """By hand: make stage 1 see (1,0,0,...) for black and (0,1,0,...) for white; the other stages see the same."""
    features = Vgg16Features()
    with torch.no_grad():
        for parameter in features.parameters():
            parameter.zero_()
        first, second = features.features["0"], features.features["2"]
        first.weight[0, 0, 1, 1] = -1.0  # channel 0 is on for dark pixels,
        first.weight[1, 0, 1, 1] = 1.0  # channel 1 for bright ones
        second.weight[0, 0, 1, 1] = 1.0
        second.weight[1, 1, 1, 1] = 1.0
        measure = Lpips(features)
        black, white = torch.full((1, 3, 16, 16), -1.0), torch.full((1, 3, 16, 16), 1.0)
        expected = (measure.head0[0, 0] + measure.head0[0, 1]).item()
        assert measure(black, white).item() == pytest.approx(expected, rel=1e-6)


def test_empty_mask_small_rectangle_and_nan_give_reasons(lpips, images):
    a, b = images
    assert lpips.measure(a, b, np.zeros((48, 40), bool), Protocol.PAPER).note == EMPTY_MASK
    small = np.zeros((48, 40), bool)
    small[:15, :30] = True
    assert "16 pixels" in lpips.measure(a, b, small, Protocol.PAPER).note
    broken = a.copy()
    broken[3, 3] = np.nan
    assert lpips.measure(broken, b, np.ones((48, 40), bool), Protocol.PAPER).note == NOT_FINITE


def test_the_published_heads_are_shipped(lpips):
    """Sums of the five heads of version 0.1, as torch.load of the package's own file gives them."""
    sums = [getattr(lpips, f"head{stage}").double().sum().item() for stage in range(5)]
    assert sums == pytest.approx([6.9259915, 8.8583345, 17.515005, 51.521324, 47.034851], rel=1e-6)


def test_weights_are_found_in_assets_before_torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    assert find_vgg_weights([tmp_path / "other", tmp_path]) is None
    cached = tmp_path / "torch" / "hub" / "checkpoints" / WEIGHTS_NAME
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"x")
    assert find_vgg_weights([tmp_path / "other", tmp_path]) == cached
    own = tmp_path / "assets" / WEIGHTS_NAME
    own.parent.mkdir()
    own.write_bytes(b"x")
    assert find_vgg_weights([tmp_path / "other", tmp_path]) == own


def test_a_file_is_held_to_the_digest_in_its_name(tmp_path):
    # SHA-256 of "abc", from FIPS 180-4's examples: ba7816bf 8f01cfea ...
    for name in ("vgg16-ba7816bf.pth", "vgg16.pth", "my-weights.pth"):
        (tmp_path / name).write_bytes(b"abc")
        require_named_digest(tmp_path / name)
    (tmp_path / WEIGHTS_NAME).write_bytes(b"abc")
    with pytest.raises(BrokenFileError, match="SHA-256 begins with ba7816bf") as caught:
        require_named_digest(tmp_path / WEIGHTS_NAME)
    assert "397923af" in caught.value.expected
    assert "download" in caught.value.fix


def test_broken_weight_files_are_typed_errors(tmp_path, weights_file):
    named = tmp_path / WEIGHTS_NAME
    named.write_bytes(weights_file.read_bytes()[:1000])
    with pytest.raises(BrokenFileError, match="SHA-256"):
        load_vgg(named)
    page = tmp_path / "vgg.pth"
    page.write_text("<html>log in</html>")
    with pytest.raises(BrokenFileError, match="cannot be read"):
        load_vgg(page)
    other = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(3)}, other)
    with pytest.raises(BrokenFileError, match=r"features\.0\.weight"):
        load_vgg(other)
