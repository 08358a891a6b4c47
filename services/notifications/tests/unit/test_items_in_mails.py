import pytest

from portal_contracts.catalog import LocalizedText
from portal_contracts.orders import OrderItem, OrderMail
from portal_notifications.mail_facts import order_facts

VPN = LocalizedText(en="VPN router", ja="VPNルーター")


def named(locale: str, options: dict[str, str], labels: dict[str, LocalizedText]) -> str:
    item = OrderItem(
        sku="VPN-ROUTER",
        name=VPN,
        item_class="service",
        billing_cycle="monthly",
        quantity=1,
        unit_price=2500,
        options=options,
        option_labels=labels,
    )
    order = OrderMail(
        order_number="00000101", account_id="001000000000001AAA", name=VPN, items=[item], monthly=2500, one_time=0
    )
    return order_facts(order, locale)["items"][0]["name"]


@pytest.mark.parametrize(("locale", "name"), [("en", "VPN router (Germany)"), ("ja", "VPNルーター (ドイツ)")])
def test_what_was_chosen_is_named_in_the_readers_language(locale, name) -> None:  # R089
    assert named(locale, {"region": "DE"}, {"region": LocalizedText(en="Germany", ja="ドイツ")}) == name


def test_what_the_catalog_has_no_words_for_is_named_as_it_was_chosen() -> None:
    assert named("ja", {"region": "DE", "speed": "1G"}, {"region": LocalizedText(en="Germany", ja="ドイツ")}) == (
        "VPNルーター (ドイツ) (1G)"
    )
