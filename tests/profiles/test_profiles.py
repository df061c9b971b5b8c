from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from checks.facts.records import Facts, GpuDevice, GpuFacts, MemoryFacts, PlatformFacts, TorchDevice, TorchFacts
from profiles import Profile, load_profile, profile_names, resolve_profile
from profiles.resolver import SMALLEST_CHUNK
from sherf_core.errors import ConfigurationError

GIB = 1024**3
LAPTOP = Facts(
    memory=MemoryFacts(total=16 * GIB, available=12 * GIB, cores=2), torch=TorchFacts(state="ok", version="2.13.0+cpu")
)
FIELDS = "name: mine\nsummary: Mine\ndevice: cuda\npoints_per_chunk: 65536\nresolution: 256\n"


def with_gpu(name: str, free_gib: float, *, notebook: str = "", torch: TorchFacts | None = None) -> Facts:
    seen = TorchFacts(
        state="ok",
        version="2.13.0",
        cuda_build="13.0",
        cuda_available=True,
        devices=(TorchDevice(name=name, capability=(7, 5), total_bytes=15 * GIB),),
    )
    card = GpuDevice(index=0, name=name, total_bytes=15 * GIB, free_bytes=int(free_gib * GIB))
    platform = PlatformFacts.model_validate({"notebook": notebook})
    return LAPTOP.model_copy(
        update={"gpu": GpuFacts(driver="580.65", devices=(card,)), "torch": torch or seen, "platform": platform}
    )


def test_every_shipped_profile_is_valid_and_named_after_its_file() -> None:
    assert {"auto", "cpu", "local-1gpu", "colab-t4"} <= set(profile_names())
    for name in profile_names()[1:]:
        profile = load_profile(name)
        assert profile.name == name
        for facts in (LAPTOP, with_gpu("Tesla T4", 14.5)):
            assert resolve_profile(name, facts).device in {"cpu", "cuda"}


@pytest.mark.parametrize(
    ("facts", "name", "device"),
    [
        (LAPTOP, "cpu", "cpu"),
        (with_gpu("NVIDIA GeForce RTX 4090", 20), "local-1gpu", "cuda"),
        (with_gpu("Tesla T4", 14.5, notebook="colab"), "colab-t4", "cuda"),
        (with_gpu("Tesla T4", 14.5), "local-1gpu", "cuda"),
        (LAPTOP.model_copy(update={"platform": PlatformFacts(notebook="colab")}), "cpu", "cpu"),
    ],
)
def test_auto_follows_the_facts_and_says_why(facts: Facts, name: str, device: str) -> None:
    resolved = resolve_profile("auto", facts)
    assert (resolved.name, resolved.device, resolved.requested) == (name, device, "auto")
    assert resolved.notes[0].startswith("profile auto: ")
    assert resolved.notes[0].endswith(f"{name} was chosen")


def test_colab_t4_on_a_t4_has_nothing_to_say() -> None:
    resolved = resolve_profile("colab-t4", with_gpu("Tesla T4", 14.5))
    assert (resolved.device, resolved.name, resolved.notes) == ("cuda", "colab-t4", ())


def test_colab_t4_without_a_gpu_says_so_and_takes_the_cpu() -> None:
    resolved = resolve_profile("colab-t4", LAPTOP)
    assert (resolved.device, resolved.name, resolved.requested) == ("cpu", "cpu", "colab-t4")
    assert resolved.notes == (
        "profile colab-t4 is for an NVIDIA T4, but this machine has no NVIDIA GPU: the CPU is used instead",
    )


def test_colab_t4_on_another_gpu_says_so_and_uses_it() -> None:
    resolved = resolve_profile("colab-t4", with_gpu("NVIDIA L4", 14.5))
    assert resolved.device == "cuda"
    assert resolved.notes == (
        "profile colab-t4 is for an NVIDIA T4; this machine has NVIDIA L4 (15 GiB), "
        "which is used with the profile's settings",
    )


def test_a_gpu_that_torch_cannot_use_is_named() -> None:
    cpu_build = with_gpu("Tesla T4", 14.5, torch=TorchFacts(state="ok", version="2.13.0+cpu"))
    assert "CPU build" in resolve_profile("local-1gpu", cpu_build).notes[0]
    broken = with_gpu("Tesla T4", 14.5, torch=TorchFacts(state="broken"))
    assert "sherfctl doctor" in resolve_profile("local-1gpu", broken).notes[0]


def test_chunks_are_halved_until_they_fit_the_free_memory() -> None:
    wanted = load_profile("local-1gpu")
    resolved = resolve_profile("local-1gpu", with_gpu("NVIDIA T1000", wanted.needs.vram_gib / 3))
    assert resolved.points_per_chunk == wanted.points_per_chunk // 4
    assert "same result" in resolved.notes[0]
    tiny = resolve_profile("local-1gpu", with_gpu("NVIDIA T1000", 0.0))
    assert tiny.points_per_chunk >= SMALLEST_CHUNK


def test_little_memory_is_said() -> None:
    facts = with_gpu("NVIDIA L4", 20).model_copy(update={"memory": MemoryFacts(available=GIB, cores=2)})
    resolved = resolve_profile("local-1gpu", facts)
    assert "1.0 GiB of memory are available" in resolved.notes[0]


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(ConfigurationError, match="no profile 'colab-t5'") as caught:
        load_profile("colab-t5")
    assert caught.value.fix == "--profile colab-t4"
    assert "local-1gpu" in caught.value.expected
    with pytest.raises(ConfigurationError):
        load_profile("auto")


def test_a_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(FIELDS)
    resolved = resolve_profile(path, with_gpu("NVIDIA L4", 20))
    assert (resolved.name, resolved.resolution, resolved.requested) == ("mine", 256, str(path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FIELDS + "pointz: 3\n", "pointz: Extra inputs"),
        (FIELDS.replace("cuda", "gpu"), "device: Input should be"),
        (FIELDS.replace("256", "many"), "resolution: "),
        (FIELDS.replace("resolution: 256\n", ""), "resolution: Field required"),
        (FIELDS + "needs: {vram: 3}\n", "needs.vram: Extra inputs"),
        (FIELDS.replace("cuda", "cpu") + "precision: tf32\n", "tf32 exists on GPUs only"),
        (FIELDS.replace("cuda", "cpu") + "needs: {gpu: T4}\n", "cannot need a GPU"),
        ("- a list\n", "is not a mapping"),
        ("a: [\n", "is not YAML"),
        ("!!python/object/apply:os.system ['true']\n", "is not YAML"),
    ],
)
def test_wrong_files_are_named_with_the_field(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_profile(path)
    assert words in caught.value.found
    assert str(path) in caught.value.found
    assert caught.value.fix


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_profile(tmp_path / "none.yaml")


def test_profiles_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_profile("cpu").device = "cuda"  # type: ignore[misc]


def test_every_field_is_described() -> None:
    for name, field in Profile.model_fields.items():
        assert field.description or name == "needs"
