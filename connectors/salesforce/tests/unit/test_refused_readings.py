"""A refused reading is not for the caller to explain: it is our set-up (reference salesforce.md 2.6)."""

import pytest

from portal_contracts.problems import Misconfigured
from portal_salesforce import Salesforce, SalesforceRefusal, SalesforceSettings, change, lookup
from portal_salesforce.soql import one_of, select
from portal_salesforce.wire_request import Answered

ACCOUNT = "001000000000001AAA"
LOGIN = {
    "access_token": "00DSd0000000001!AQ.example",
    "instance_url": "https://example.my.salesforce.com",
    "id": "https://login.salesforce.com/id/00DSd0000000001MAA/005Sd0000000001IAA",
    "token_type": "Bearer",
}


class RefusingWire:
    """An org that lets us in and refuses every call."""

    def __init__(self, status, code):
        self.status = status
        self.code = code

    async def log_in(self):
        return 200, LOGIN

    async def call(self, *_):
        raise Answered(self.status, [{"errorCode": self.code, "message": "Taro Example may not be read"}])

    def close(self):
        pass


def org(code, status=400):
    return Salesforce(SalesforceSettings.model_construct(), wire=RefusingWire(status, code))


@pytest.mark.parametrize("code", ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "SOMETHING_NEW", "NOT_FOUND"])
@pytest.mark.parametrize(
    "reading",
    [
        lambda salesforce: salesforce.query(select("Account", "Id")),
        lambda salesforce: salesforce.query(select("Account", "Id").where(one_of("Id", [ACCOUNT] * 900))),
        lambda salesforce: salesforce.count(select("Account", "Id")),
        lambda salesforce: salesforce.read_many("Account", [ACCOUNT], ["Name"]),
        lambda salesforce: salesforce.describe("Account"),
        lambda salesforce: salesforce.limits(),
        lambda salesforce: salesforce.composite([lookup("found", select("Account", "Id"))]),
    ],
    ids=["query", "long query", "count", "read_many", "describe", "limits", "lookups"],
)
async def test_a_refused_reading_is_our_set_up(reading, code):
    with pytest.raises(Misconfigured) as caught:
        await reading(org(code))
    assert caught.value.facts["message"] == f"a reading was refused: {code}"


async def test_a_refused_reading_of_one_record_is_our_set_up_and_a_missing_record_is_none():
    assert await org("NOT_FOUND", 404).read("Account", ACCOUNT, ["Name"]) is None
    with pytest.raises(Misconfigured):
        await org("SOMETHING_NEW").read("Account", ACCOUNT, ["Name"])


async def test_a_refused_write_stays_the_callers_to_explain():
    with pytest.raises(SalesforceRefusal):
        await org("SOMETHING_NEW").update("Account", ACCOUNT, {"Name": "x"})
    with pytest.raises(SalesforceRefusal):
        await org("SOMETHING_NEW").composite(
            [lookup("found", select("Account", "Id")), change("account", "Account", ACCOUNT, {"Name": "x"})]
        )
