"""The copy of each welcome mail for support (R032)."""

import pytest

from portal_contracts.problems import Misconfigured
from portal_notifications.main import support_copy
from portal_notifications.settings import MailSettings

PLAIN = {"mail_from": "portal@example.jp", "sendgrid_api_key": "SG.fake"}


def test_production_does_not_start_without_it():
    with pytest.raises(Misconfigured) as caught:
        support_copy(MailSettings(**PLAIN, mail_support_cc=None), "production")
    assert caught.value.facts["setting"] == "MAIL_SUPPORT_CC"


@pytest.mark.parametrize(("environment", "address"), [("production", "support@example.jp"), ("development", None)])
def test_it_goes_to_the_address_that_is_set(environment, address):
    assert support_copy(MailSettings(**PLAIN, mail_support_cc=address), environment) == address
