"""PHP's view of requests: form arrays and serialized values (reference/whmcs.md 1.1, 1.2)."""

import base64

import pytest

from portal_sandbox.whmcs.php_forms import Params, parse_form
from portal_sandbox.whmcs.php_serialize import UnserializeError, decode_field_map, unserialize


@pytest.mark.parametrize(
    ("encoded", "fields"),
    [
        ("YToxOntpOjE7czo2OiJHb29nbGUiO30=", {1: "Google"}),
        ("YToxOntpOjE5ODtzOjQ6Ijk4ODMiO30=", {198: "9883"}),
        ("YToxOntpOjEyO3M6Njoi55Sw5LitIjt9", {12: "田中"}),
    ],
)
def test_the_reference_vectors_are_read(encoded, fields):
    assert decode_field_map(encoded) == fields


@pytest.mark.parametrize(
    "data",
    [
        'a:1:{i:12;s:2:"田中";}'.encode(),  # characters counted instead of bytes
        b'a:2:{i:1;s:1:"a";}',
        b'a:1:{i:1;s:1:"a"}',
        b's:3:"ab";',
        b"i:1",
        b'O:8:"stdClass":0:{}',
        b"a:1:{a:0:{}i:1;}",
        b"a:1:{b:1;i:1;}",
        b"d:--1;",
        b"",
        b"nonsense",
    ],
)
def test_what_php_refuses_is_refused_and_the_field_ignored(data):
    with pytest.raises(UnserializeError):
        unserialize(data)
    assert decode_field_map(base64.b64encode(data).decode()) == {}


def test_every_kind_of_value_is_read():
    data = b'a:6:{i:0;i:-5;i:1;b:1;i:2;d:1.5;i:3;N;s:1:"7";s:0:"";i:4;a:2:{s:8:"optionid";i:9;s:3:"qty";i:2;}}'
    assert unserialize(data) == {0: -5, 1: True, 2: 1.5, 3: None, 7: "", 4: {"optionid": 9, "qty": 2}}


def test_quotes_inside_a_value_need_no_escape():
    assert unserialize(b's:9:"a";s:1:"b";') == 'a";s:1:"b'


@pytest.mark.parametrize("text", ["%%%", "aGVsbG8", "aTox", "aToxOw=="])
def test_what_is_no_serialized_array_gives_no_fields(text):
    assert decode_field_map(text) == {}


def test_form_arrays_keep_gaps_appends_and_names():
    form = parse_form(
        b"pid[0]=1&pid[2]=3&domain[]=a&domain[]=b&p[invoice]=1&deep[1][x]=y&plain=%E7%94%B0&a.b=1&broken[x=2"
    )
    assert form["pid"] == {0: "1", 2: "3"}
    assert form["domain"] == {0: "a", 1: "b"}
    assert form["p"] == {"invoice": "1"}
    assert form["deep"] == {1: {"x": "y"}}
    assert (form["plain"], form["a_b"], form["broken_x"]) == ("田", "1", "2")


def test_the_last_scalar_wins_and_an_array_replaces_a_scalar():
    assert parse_form(b"a=1&a=2&b=1&b[0]=2") == {"a": "2", "b": {0: "2"}}


def test_casts_are_php_casts():
    params = Params(parse_form(b"yes=true&no=false&zero=0&empty=&number=12abc&list[]=1"))
    assert [params.flag(name) for name in ("yes", "no", "zero", "empty", "absent")] == [True, True, False, False, False]
    assert [params.whole(name) for name in ("number", "yes", "absent", "list")] == [12, 0, 0, 0]
    assert params.is_scalar("number")
    assert not params.is_scalar("list")
