"""What status and logs show of engine arguments."""

from __future__ import annotations

import json
import time
from enum import StrEnum

import pytest

from oaikit.engine.redaction import is_secret_name, public_arguments, public_text
from oaikit.engine.state import EngineStatus, State


class Kind(StrEnum):
    FIRST = "first"


@pytest.mark.parametrize(
    "name",
    [
        "hf_token",
        "HF_TOKEN",
        "hfToken",
        "hf-token",
        "hftoken",
        "api_key",
        "apiKey",
        "api_keys",
        "API-KEYS",
        "apikeys",
        "key",
        "keys",
        "passwd",
        "password",
        "dbPassword",
        "db_pass",
        "passphrase",
        "aws_secret_access_key",
        "accessKeyId",
        "client_secrets",
        "credentials",
        "auth",
        "proxyAuth",
        "Authorization",
        "private_key_path",
        "x-amz-security-token",
        "X-Amz-Signature",
        "session_cookie",
    ],
)
def test_names_of_secrets(name):
    assert is_secret_name(name)
    assert public_arguments({name: "abc", "nested": [{name: ["abc"]}]}) == {"nested": [{}]}


@pytest.mark.parametrize(
    "name",
    [
        "max_num_batched_tokens",
        "num_key_value_heads",
        "spec_tokens",
        "tokenizer",
        "author",
        "tokens_only",
        "monkey",
        "keyboard",
        "return_tokens_as_token_ids",
        "enable_prompt_tokens_details",
        "dbo_decode_token_threshold",
        "pass_config",
        "authority",
    ],
)
def test_names_that_only_look_like_it(name):
    assert public_arguments({name: 5}) == {name: 5}


def test_a_list_of_tokens_is_secret_and_a_number_of_them_is_not():
    assert public_arguments({"tokens": ["abc"], "max_tokens": 5, "num_speculative_tokens": None}) == {
        "max_tokens": 5,
        "num_speculative_tokens": None,
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:abc@host/x", "https://***@host/x"),
        ("s3://abc:def@bucket", "s3://***@bucket"),
        ("https://user:a@bc@host/", "https://***@host/"),
        ("user:abc@proxy:3128", "***@proxy:3128"),
        ("http://h/x?token=abc&page=1", "http://h/x?token=***&page=1"),
        ("url=http://h/?api_key=abc&k=v", "url=http://h/?api_key=***&k=v"),
        ("https://h/?X-Amz-Signature=abc&X-Amz-Expires=5", "https://h/?X-Amz-Signature=***&X-Amz-Expires=5"),
        ("api_key=abc", "api_key=***"),
        ("--hf-token=abc --port=1", "--hf-token=*** --port=1"),
        ("Authorization: Bearer abc", "Authorization: Bearer ***"),
        ('{"api_key": "abc", "a": 1}', '{"api_key": "***", "a": 1}'),
        ("{'token': 'a b c'}", "{'token': '***'}"),
        ("api_keys=['a', 'b']", "api_keys=***"),
        ("failed with hf_abcdefghijklmnopqrst", "failed with ***"),
        ("key sk-oaikit-abcdefghijklmnopqrst", "key ***"),
    ],
)
def test_secrets_inside_of_texts(text, shown):
    assert public_text(text) == shown
    assert public_arguments({"x": [text]}) == {"x": [shown]}


@pytest.mark.parametrize(
    "text",
    [
        "/path/to/a:b",
        "name=path",
        "http://h:80/a@b",
        "org/name@main",
        "git@github.com:x/y",
        "max_tokens: 5",
        "a=b=c",
    ],
)
def test_other_texts_stay(text):
    assert public_text(text) == text


def test_a_secret_beside_its_name():
    assert public_arguments({"cmd": ["--api-key", "abc", "--port", "1"]}) == {
        "cmd": ["--api-key", "***", "--port", "1"]
    }
    assert public_arguments({"env": [{"name": "HF_TOKEN", "value": "abc"}, {"name": "A", "value": "b"}]}) == {
        "env": [{"name": "HF_TOKEN", "value": "***"}, {"name": "A", "value": "b"}]
    }


def test_what_is_shown_is_json():
    given = {"device_ids": {1}, "kind": Kind.FIRST, "path": ("a", None), "object": object, 5: True}
    shown = public_arguments({str(name): value for name, value in given.items()})
    assert json.loads(json.dumps(shown)) == shown
    assert shown["device_ids"] == [1]


def test_a_status_shows_no_password():
    url = "https://user:abc@host/model"
    status = EngineStatus(State.FAILED, url, (url,), error=f"{url} is gone (HF_TOKEN=abc)").as_dict()
    assert "abc" not in json.dumps(status)


@pytest.mark.parametrize("piece", ["a", "a:", "x=y", '"="', "a://", 'key="', "a@", "a:b", "key=["])
def test_a_long_text_takes_no_long_time(piece):
    began = time.process_time()
    public_text(piece * (100_000 // len(piece)))
    assert time.process_time() - began < 3
