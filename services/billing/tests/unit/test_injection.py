"""What a customer types reaches WHMCS as text and as nothing else: PHP's serialize() and form fields.

The vectors of reference/reliability.md (c) §4, read back by decoders that share no code with the writer.
"""

import base64
import json
import random
import re
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import phpserialize
import pytest

from portal_billing.settings import WhmcsSettings
from portal_billing.whmcs_api import WhmcsApi, WhmcsConnection
from portal_billing.whmcs_clients import WhmcsClients
from portal_billing.whmcs_fields import WhmcsFields
from portal_billing.whmcs_wire import php_serialized, values_by_id
from portal_chassis.clocks import SystemMachineClock
from portal_chassis.outbound import Outbound
from portal_contracts.values import Address
from portal_sandbox.whmcs.php_forms import parse_form
from portal_sandbox.whmcs.php_serialize import decode_field_map, unserialize

TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "1e9",
    "9" * 40,
    "true",
    "null",
    "N;",
    "b:1;",
    "i:7;",
    "d:0.5;",
    '"',
    '";',
    '";}',
    '";s:1:"x',
    '";s:1:"x";}',
    '";i:2;s:5:"admin";}',
    'x";i:198;s:9:"SNX-00001";}a:0:{',
    "}",
    "{",
    "}}}}",
    ";",
    "a:1:{i:0;i:0;}",
    'O:8:"stdClass":0:{}',
    'O:4:"Evil":1:{s:1:"x";s:6:"system";}',
    'C:11:"ArrayObject":0:{}',
    'E:11:"Suit:Hearts";',
    "r:1;",
    "R:1;",
    '";O:8:"stdClass":0:{}',
    's:3:"abc";',
    "\x00",
    "a\x00b",
    "\x00\x00\x00",
    "\r\n",
    "line\nline",
    "\t",
    "\x1b[31m",
    "\x7f",
    "\u0085",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ufffd",
    "田中",
    "ﾀﾅｶ",
    "ＡＢＣ",
    "が",
    "か\u3099",
    "髙橋﨑",
    "𠮷野家",
    "👩‍👩‍👧‍👦",
    "🇯🇵",
    "é",
    "e\u0301",
    "ß",
    "İ",
    "عربى",
    "'; DROP TABLE tblclients;--",
    "' OR '1'='1",
    "<script>alert(1)</script>",
    "<?php system('id'); ?>",
    "{$smarty.version}",
    "${7*7}",
    "{{7*7}}",
    "&amp;&#039;&quot;",
    "%00%0d%0a",
    "\\",
    '\\";',
    "a&action=DeleteClient",
    "a&clientid=1&clientid[]=2",
    "x" * 65_536,
    "あ" * 21_845,
    "👍" * 16_384,
]


def decoded(values):
    """Read it as PHP would, twice over."""
    encoded = values_by_id(values)
    raw = base64.b64decode(encoded, validate=True)
    theirs = phpserialize.loads(raw, decode_strings=True)
    assert decode_field_map(encoded) == unserialize(raw) == theirs
    assert phpserialize.dumps(values) == raw
    return theirs


def without_texts(raw):
    """Leave out the texts by their lengths, so that only what PHP takes for structure is left."""
    left, at = b"", 0
    while at < len(raw):
        found = re.compile(rb's:(\d+):"').match(raw, at)
        if found is None:
            left, at = left + raw[at : at + 1], at + 1
            continue
        at = found.end() + int(found[1])
        assert raw[at : at + 2] == b'";'
        left, at = left + b"s;", at + 2
    return left


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:24]))
def test_a_text_stays_one_text_of_its_field(text):
    assert len(TEXTS) >= 60
    values = {198: text, 1: "before", 2: text}
    assert decoded(values) == values
    assert without_texts(php_serialized(values)) == b"a:3:{i:198;s;i:1;s;i:2;s;}"


def test_ten_thousand_random_texts_come_back_as_they_were():
    generator = random.Random(20261121)  # noqa: S311 - a seed makes the test repeatable
    alphabet = [
        '"',
        ";",
        "}",
        "{",
        ":",
        "s",
        "O",
        "i",
        "0",
        "9",
        "\x00",
        "\n",
        "あ",
        "👍",
        "é",
        "ﾊﾟ",
        "\\",
        "&",
        "=",
        "[",
    ]
    for number in range(10_000):
        texts = ["".join(generator.choices(alphabet, k=generator.randrange(12))) for _ in range(2)]
        values = {number + 1: texts[0], number + 20_001: texts[1]}
        raw = php_serialized(values)
        assert phpserialize.loads(raw, decode_strings=True) == values
        assert not set(b"OCrRE") & set(without_texts(raw))


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("0", b"i:0;"),
        ("-0", b's:2:"-0";'),
        ("+1", b's:2:"+1";'),
        ("--5", b's:3:"--5";'),
        ("-", b's:1:"-";'),
        ("1.0", b's:3:"1.0";'),
        (" 1", b's:2:" 1";'),
        ("1\n", b's:2:"1\n";'),
        ("٣", b's:2:"\xd9\xa3";'),
        ("9223372036854775807", b"i:9223372036854775807;"),
        ("9223372036854775808", b's:19:"9223372036854775808";'),
        ("-9223372036854775808", b"i:-9223372036854775808;"),
        ("-9223372036854775809", b's:20:"-9223372036854775809";'),
        ("9" * 5000, b's:5000:"' + b"9" * 5000 + b'";'),
        ('";i:1;', b's:6:"";i:1;";'),
    ],
)
def test_a_key_is_a_number_only_where_php_makes_it_one(key, written):
    assert php_serialized({key: 1}) == b"a:1:{" + written + b"i:1;}"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400])
def test_a_number_php_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match="64 bits"):
        php_serialized({"qty": value})


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb"])
def test_half_a_character_never_gets_as_far_as_a_form(value):
    with pytest.raises(ValueError, match="surrogates"):
        php_serialized({1: value})
    typed = json.dumps({"postcode": "1500001", "prefecture": "x", "city": value, "street": "x"})
    with pytest.raises(ValueError, match="Invalid JSON"):
        Address.model_validate_json(typed)


HOSTILE = [
    "x&action=DeleteClient",
    "x&username=admin&password=x",
    "x&identifier=other&secret=other",
    "x&responsetype=xml",
    "x&clientid=1",
    "x&clientid[]=1",
    "x&accesskey=1",
    "x;action=DeleteClient",
    "x%26action%3DDeleteClient",
    "x\r\naction=DeleteClient",
    "x\r\n\r\nPOST /includes/api.php HTTP/1.1",
    "x\x00&action=DeleteClient",
    "=",
    "&",
    "&&&=&=",
    "+",
    "a b",
    "%",
    "%zz",
    "%E3%81",
    "[]",
    "[action]",
    "x=1&y[0]=2",
    "＆action＝DeleteClient",
    "田中 太郎",
    "👍",
    "",
]


@pytest.fixture
def sent():
    """Give a function that writes an address and gives the body as it went over the wire."""

    async def write(**address):
        bodies = []

        def answer(request):
            bodies.append(request.content)
            return httpx.Response(200, content=json.dumps({"result": "success", "clientid": "5011"}))

        settings = WhmcsSettings(
            api_url="https://whmcs.example.jp/includes/api.php",
            identifier="example-identifier",
            secret="example-secret",
            fields_path=Path("example.toml"),
        )
        machine = SystemMachineClock()
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            connection = WhmcsConnection(settings, machine, client, client)
            api = WhmcsApi(connection, Outbound("whmcs", at_once=1, clock=machine))
            clients = WhmcsClients(api, WhmcsFields(customer_number=198, products={}), write_seconds=5)
            await clients.change_address(5011, Address.model_construct(**address))
        return bodies[0]

    return write


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_typed_text_adds_no_field_and_changes_none(sent, text):
    typed = {"postcode": "150-0001", "prefecture": text, "city": text, "street": text, "building": text}
    body = await sent(**typed, country="JP")
    expected = {
        "clientid": "5011",
        "address1": text,
        "address2": text,
        "city": text,
        "state": text,
        "postcode": "150-0001",
        "country": "JP",
        "identifier": "example-identifier",
        "secret": "example-secret",
        "action": "UpdateClient",
        "responsetype": "json",
    }
    pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == len(dict(pairs)), "no name twice"
    assert dict(pairs) == expected
    assert parse_form(body) == expected, "as PHP's $_POST"


async def test_the_adapters_own_action_and_credentials_win_over_any_parameter():
    bodies = []

    def answer(request):
        bodies.append(dict(parse_qsl(request.content.decode())))
        return httpx.Response(200, content=b'{"result":"success"}')

    settings = WhmcsSettings(
        api_url="https://whmcs.example.jp/includes/api.php",
        identifier="example-identifier",
        secret="example-secret",
        fields_path=Path("example.toml"),
    )
    machine = SystemMachineClock()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        api = WhmcsApi(WhmcsConnection(settings, machine, client, client), Outbound("whmcs", at_once=1, clock=machine))
        more = {"action": "DeleteClient", "identifier": "x", "secret": "x", "responsetype": "xml"}
        await api.read("GetInvoices", more)
    assert bodies == [
        {
            "action": "GetInvoices",
            "identifier": "example-identifier",
            "secret": "example-secret",
            "responsetype": "json",
        }
    ]
