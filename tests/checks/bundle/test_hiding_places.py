"""Every kind of secret in every place and coat that it may have: none gets through."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from checks.bundle import Redactor

SECRETS = {
    "home": "/home/zarathustra/files",
    "user": "zarathustra",
    "host": "node0815",
    "full host": "node0815.cluster.example.edu",
    "account": "physics_account",
    "variable": "Tr0ub4dor&3",
    "hugging face": "hf_qWeRtZuIoPaSdFgHjK",
    "github": "ghp_yxcvbnmASDFGH0123456789",
    "github fine": "github_pat_11ABCDEFG0_abcdefghijk",
    "amazon": "AKIAQWERTZUIOPASDFGH",
    "json web token": "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "ipv4": "10.11.12.13",
    "ipv6": "2001:db8:0:1::42",
    "mac": "02:42:ac:11:00:02",
    "gpu": "GPU-12345678-90ab-cdef-1234-567890abcdef",
    "e-mail": "someone@else.org",
    "credentials": "https://vicuna:llama7@hub.example.net/x",
    "windows home": "C:\\Users\\Quetzal\\x",
}
CORES = {
    "home": "zarathustra",
    "full host": "example.edu",
    "credentials": "llama7",
    "windows home": "quetzal",
    "gpu": "567890abcdef",
}
PLACES: dict[str, Callable[[str], str]] = {
    "alone": lambda s: s,
    "in a sentence": lambda s: f"cannot open {s}, giving up",
    "quoted": lambda s: f"No such file: '{s}'",
    "in brackets": lambda s: f"error({s})",
    "in a path": lambda s: f"/data/{s}/x.pkl",
    "a file's name": lambda s: f"/data/run_{s}_2.txt",
    "a setting": lambda s: f"WHATEVER={s};",
    "in a list": lambda s: f"a:{s}:b,{s}|{s}",
    "in a traceback": lambda s: f'  File "{s}", line 3, in <module>\n    x({s!r})',
    "at the end": lambda s: f"it was {s}.",
}
COATS: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "upper case": str.upper,
    "lower case": str.lower,
    "URL": lambda s: quote(s, safe=""),
    "URL twice": lambda s: quote(quote(s, safe=""), safe=""),
    "JSON": lambda s: json.dumps(s)[1:-1],
    "JSON twice": lambda s: json.dumps(json.dumps(s))[3:-3],
    "JSON with escaped slashes": lambda s: json.dumps(s)[1:-1].replace("/", "\\/"),
    "code points": lambda s: "".join(f"\\u{ord(letter):04x}" for letter in s),
}


@pytest.mark.parametrize("coat", COATS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("secret", SECRETS)
def test_it_is_found(secret: str, place: str, coat: str) -> None:
    redactor = Redactor(
        homes=["/home/zarathustra"],
        users=["zarathustra", "physics_account"],
        hosts=["node0815.cluster.example.edu"],
        secrets=["Tr0ub4dor&3"],
    )
    text = PLACES[place](COATS[coat](SECRETS[secret]))
    redactor.learn(text)
    redacted = redactor.text(text)
    core = CORES.get(secret, SECRETS[secret])
    for form in (core, *(wear(core) for wear in COATS.values())):
        assert form.lower() not in redacted.lower()


@pytest.mark.parametrize("coat", ["plain", "URL", "JSON", "code points"])
@pytest.mark.parametrize(
    "setting",
    [
        *(
            "password={}",
            "PGPASSWORD={}",
            "--token {}",
            "--hf-token '{}'",
            "--api-key={}",
            '"secret": "{}"',
            "'access_token': '{}'",
        ),
        *("Authorization: Bearer {}", "Authorization: Basic {}", "X-Auth-Token: {}", "Cookie: session={}"),
        *("aws_secret_access_key = {}", "wandb_api_key={}", "https://x/?a=1&sig={}&b=2", "client_secret:{}"),
    ],
)
def test_what_a_name_calls_secret_is(setting: str, coat: str) -> None:
    secret = "wJalrXUtnFEMI7MDENGbPxRfiCYEXAMPLEKEY"
    text = setting.format(COATS[coat](secret))
    assert secret.lower() not in Redactor().text(text).lower()
