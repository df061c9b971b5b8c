from __future__ import annotations

import pytest

from checks.bundle import Redactor


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(
        homes=["/home/anna"],
        users=["anna", "Anna Muster"],
        hosts=["gpu07.cluster.example.edu"],
        secrets=["correct horse"],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/anna/x y", "<home>/x y"),
        ("/HOME/ANNA/x", "<home>/x"),
        ("/mnt/data/home/anna", "/mnt/data<home>"),
        ("%2Fhome%2Fanna%2Fx", "<home>/x"),
        ("%252Fhome%252Fanna", "<home>"),
        ("file:///home/anna/a%20b.txt", "file://<home>/a%20b.txt"),
        ("\\u002fhome\\u002fanna", "<home>"),
        ("anna@gpu07:~$ ls", "<user>@<host-2>:~$ ls"),
        ("gpu07.cluster.example.edu", "<host>"),
        ("run_anna_2", "run_<user>_2"),
        ("joanna and hannah", "joanna and hannah"),
        ("wrote to Anna Muster", "wrote to <user-2>"),
        ("tcp://10.0.1.2:29500", "tcp://<ip-1>:29500"),
        ("[2001:db8::1]:80 and 2001:DB8::1", "[<ip-1>]:80 and <ip-1>"),
        ("::ffff:10.9.8.7", "<ip-1>"),
        ("ip-10-1-2-3.ec2.internal", "<ip-1>.ec2.internal"),
        ("link/ether aa:bb:cc:dd:ee:ff", "link/ether <mac-1>"),
        ("hf_abcdefghijklmnopqrstuv", "<secret>"),
        ("HF_ABCDEFGHIJKLMNOPQRSTUV", "<secret>"),
        ("github_pat_11ABCDEFG0abcdefgh_xyz", "<secret>"),
        ("AKIAIOSFODNN7EXAMPLE", "<secret>"),
        ("Authorization: Bearer abcdef.ghijkl-mnop", "Authorization: Bearer <secret>"),
        ("-H 'Authorization: Basic dXNlcjpwYXNz'", "-H 'Authorization: Basic <secret>'"),
        ("Authorization%3A%20Bearer%20abcdefghijk", "Authorization: Bearer <secret>"),
        ('{"password": "my pass phrase", "n": 3}', '{"password": "<secret>", "n": 3}'),
        ('{\\"api_key\\": \\"abc def\\"}', '{\\"api_key\\": \\"<secret>\\"}'),
        ("https://host/x?sig=abc%2Bdef&page=1", "https://host/x?sig=<secret>&page=1"),
        ("--api-key=0123456789abcdef", "--api-key=<secret>"),
        ("WANDB_API_KEY=0123", "WANDB_API_KEY=<secret>"),
        ("https://bob:se@cret@example.org/x", "https://<credentials>@example.org/x"),
        ("write to bob@example.com", "write to <email-1>"),
        ("GPU-12345678-1234-1234-1234-123456789abc", "GPU-<gpu-1>"),
        ("MIG-12345678-1234-1234-1234-123456789abc", "MIG-<gpu-1>"),
        ("CUDA_VISIBLE_DEVICES=GPU-8f1c", "CUDA_VISIBLE_DEVICES=GPU-<gpu-1>"),
        ("sbatch --account=physics run.sh", "sbatch --account=<user-4> run.sh"),
        ("#SBATCH -A physics", "#SBATCH -A <user-4>"),
        ("a correct horse", "a <secret>"),
        ("a CORRECT%20HORSE", "a <secret>"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----", "<secret>"),
    ],
)
def test_what_names_somebody_or_opens_a_door_goes(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.text(text) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("C:\\Users\\Bella Rossi\\SMPL", ["Bella", "Rossi"]),
        ('"C:\\\\Users\\\\Bella\\\\x"', ["Bella"]),
        ("/mnt/c/Users/bella/Downloads", ["bella"]),
        ("\\/home\\/bella\\/x", ["bella"]),
        ("/Users/bella/x", ["bella"]),
    ],
)
def test_homes_of_others_too_and_their_names_elsewhere(redactor: Redactor, text: str, names: list[str]) -> None:
    redactor.learn([text])
    redacted = redactor.text(f"{text} and /scratch/{names[0].lower()}/x by {' '.join(names).upper()}")
    for name in names:
        assert name.lower() not in redacted.lower()
    assert "home" in redacted


@pytest.mark.parametrize(
    "text",
    [
        "driver 535.54.03, CUDA 12.4, torch 2.13.0+cu130",
        "version 10.0.1.2 of nvidia-cudnn-cu12==9.10.2.21, libcudnn.so.9.1.0.70, v10.0.1.2, driver: 31.0.101.2",
        "nvidia_cublas_cu12-12.8.4.1-py3-none-manylinux.whl",
        "4924f235e63f7c5d5b690acedf736419c2edb846a2d69fc0956169615fa75688",
        "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl",
        "2026-11-23 16:05:49 std::vector at::native c10::cuda ::1 127.0.0.1 0000:3b:00.0",
        "KeyError: 'oops' at line 3; monkey=4; token embedding; basic training; digest mismatch; passed: 3",
        "tokenizers==0.20.1 keyring==25.0.0",
        "password=None, user: root",
        "GPU-Util GPU 0",
        "https://github.com/skhu101/SHERF/issues/24",
        "",
    ],
)
def test_what_helps_to_understand_stays(redactor: Redactor, text: str) -> None:
    redactor.learn(text)
    assert redactor.text(text) == text


def test_nested_values_keep_their_form(redactor: Redactor) -> None:
    value = {
        "driver": "10.0.1.2",
        "packages": {"nvidia-cudnn-cu12": "9.10.2.21", "torch": "2.13.0"},
        "token": "abc",
        "username": "zora",
        "hostname": "box",
        "sha256": "98e65c74",
        "count": 3,
        "list": [None, True, 1.5, "by zora on box"],
        "/home/anna": "key",
    }
    redactor.learn(value)
    assert redactor.value(value) == {
        "driver": "10.0.1.2",
        "packages": {"nvidia-cudnn-cu12": "9.10.2.21", "torch": "2.13.0"},
        "token": "<secret>",
        "username": "<user-4>",
        "hostname": "<host-5>",
        "sha256": "98e65c74",
        "count": 3,
        "list": [None, True, 1.5, "by <user-4> on <host-5>"],
        "<home>": "key",
    }


def test_the_same_thing_has_the_same_placeholder(redactor: Redactor) -> None:
    assert redactor.text("10.0.1.2 10.0.1.3 10.0.1.2") == "<ip-1> <ip-2> <ip-1>"
    assert redactor.text("10.0.1.3") == "<ip-2>"


def test_what_is_redacted_stays_as_it_is(redactor: Redactor) -> None:
    text = "/home/anna token=abc https://a:b@c/ 10.0.1.2 GPU-12345678-1234-1234-1234-123456789abc bob@example.com"
    once = redactor.text(text)
    redactor.learn(once)
    assert redactor.text(once) == once


def test_common_and_short_names_tear_nothing() -> None:
    redactor = Redactor(homes=["/root", "/home/jo"], users=["root", "ubuntu", "jo"], hosts=["localhost", "10.0.0.1"])
    assert redactor.text("/root/x, Ubuntu 22.04, root, jo, localhost") == "<home>/x, Ubuntu 22.04, root, jo, localhost"
    assert redactor.text("/home/jo/x") == "<home>/x"
