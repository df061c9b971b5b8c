from __future__ import annotations

import pytest

from checks import machine_commands as commands
from tests.checks.rules.asking import changed


def test_root_needs_no_sudo() -> None:
    assert commands.as_root(changed("bare-metal-1gpu"), "reboot") == "$ sudo reboot"
    assert commands.as_root(changed("docker-gpus"), "reboot") == "$ reboot"


@pytest.mark.parametrize(
    ("manager", "install", "remove"),
    [
        ("apt", "$ sudo apt-get install tool", "$ sudo apt-get purge a b"),
        ("dnf", "$ sudo dnf install tool", "$ sudo dnf remove a b"),
        ("pacman", "$ sudo pacman -S tool", "$ sudo pacman -Rns a b"),
        ("zypper", "$ sudo zypper install tool", "$ sudo zypper remove a b"),
        ("apk", "$ sudo apk add tool", "$ sudo apk del a b"),
    ],
)
def test_each_package_manager(manager: str, install: str, remove: str) -> None:
    facts = changed("bare-metal-1gpu", platform={"package_manager": manager})
    assert commands.install_packages(facts, {manager: "tool"}) == (install,)
    assert commands.remove_packages(facts, ("a", "b")) == (remove,)
    assert commands.install_packages(facts, {"other": "tool"}) == ()
    assert commands.remove_packages(facts, ()) == ()


def test_without_a_package_manager_there_is_no_command() -> None:
    facts = changed("bare-metal-1gpu", platform={"package_manager": ""})
    assert commands.install_packages(facts, {"apt": "tool"}) == ()
    assert commands.remove_packages(facts, ("a",)) == ()


@pytest.mark.parametrize(
    ("machine", "platform", "steps"),
    [
        ("bare-metal-1gpu", {}, ("$ sudo reboot",)),
        ("wsl2", {}, ("PS> wsl --shutdown",)),
        ("docker-gpus", {}, ("on the host: docker restart CONTAINER",)),
        ("docker-gpus", {"container": "podman"}, ("on the host: podman restart CONTAINER",)),
        ("docker-gpus", {"container": "kubernetes"}, ("delete the pod, so that it is made anew",)),
        ("colab-t4", {}, ("Runtime > Disconnect and delete runtime, then connect again",)),
        ("kaggle-t4x2", {}, ("Run > Restart & clear cell outputs",)),
    ],
)
def test_restarts(machine: str, platform: dict[str, object], steps: tuple[str, ...]) -> None:
    assert commands.restart(changed(machine, platform=platform)) == steps


@pytest.mark.parametrize(
    ("machine", "begins"),
    [
        ("bare-metal-1gpu", "$ sudo apt-get install ubuntu-drivers-common"),
        ("gcp-vm", "first add contrib, non-free"),
        ("wsl2", "in Windows: "),
        ("docker-gpus", "on the host of the container: "),
        ("a100-mig", "ask the administrators of the cluster"),
    ],
)
def test_drivers_are_updated_where_they_live(machine: str, begins: str) -> None:
    assert commands.update_driver(changed(machine))[0].startswith(begins)


@pytest.mark.parametrize("machine", ["colab-t4", "kaggle-t4x2"])
def test_nobody_updates_the_driver_of_a_hosted_notebook(machine: str) -> None:
    assert commands.update_driver(changed(machine)) == ()


@pytest.mark.parametrize(
    ("scheduler", "words"), [("slurm", "--gres=gpu:3"), ("pbs", "ngpus=3"), ("lsf", '"num=3"'), ("", None)]
)
def test_jobs_with_gpus(scheduler: str, words: str | None) -> None:
    steps = commands.ask_scheduler(changed("a100-mig", platform={"scheduler": scheduler}), 3)
    assert (words in steps[0]) if words else steps == ()


@pytest.mark.parametrize(
    ("python", "program"),
    [
        ({"checkout": "/home/a b/sherf", "packages": {"sherfctl": "0.1.0"}}, "'/home/a b/sherf'"),
        ({"packages": {"sherfctl": "0.1.0"}}, '"sherfctl==0.1.0"'),
        ({}, "sherfctl"),
    ],
)
def test_a_new_environment_gets_this_program_too(python: dict[str, object], program: str) -> None:
    facts = changed("bare-metal-1gpu", python={"manager": "system", "executable": "/opt/bin/python3", **python})
    assert commands.pip_install(facts, "tool") == (
        "$ /opt/bin/python3 -m venv ~/sherf-environment",
        '$ ~/sherf-environment/bin/pip install "tool"',
        f"$ ~/sherf-environment/bin/pip install {program}",
        "$ ~/sherf-environment/bin/sherfctl doctor",
    )


@pytest.mark.parametrize(
    ("executable", "manager", "first"),
    [
        ("/usr/bin/python3", "apt", "$ sudo apt-get install python3-venv"),
        ("/usr/bin/python3.12", "apt", "$ sudo apt-get install python3.12-venv"),
        ("/usr/bin/python3", "dnf", "$ /usr/bin/python3 -m venv ~/sherf-environment"),
        ("/usr/local/bin/python3", "apt", "$ /usr/local/bin/python3 -m venv ~/sherf-environment"),
    ],
)
def test_debian_s_python_lacks_a_part(executable: str, manager: str, first: str) -> None:
    python = {"manager": "system", "executable": executable}
    facts = changed("bare-metal-1gpu", python=python, platform={"package_manager": manager})
    assert commands.pip_install(facts, "tool")[0] == first


def test_environment_variables_are_quoted() -> None:
    facts = changed("bare-metal-1gpu")
    assert commands.set_variable(facts, "A", "b c") == "$ export A='b c'"
    assert commands.set_variable(facts, "A", "") == "$ export A="
    assert commands.unset_variable(facts, "A") == "$ unset A"
    assert "os.environ['A'] = 'b c'" in commands.set_variable(changed("colab-t4"), "A", "b c")
