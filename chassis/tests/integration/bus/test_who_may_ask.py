"""Who may cause a message follows from its base: anybody, a customer, an operator whose roles allow it."""

import pytest

from portal_contracts.operators import OperatorOutcome
from portal_contracts.problems import Misconfigured, Refused


async def test_a_customer_message_needs_a_valid_actor(running, names, signer):
    seen = []

    def wire(bus):
        @bus.answers(names.GreetMe)
        async def greet(message, call):
            seen.append(call.customer())
            return names.Greeting(text=call.customer().account_id)

    await running("desk", wire)
    shop = await running("shop")
    assert (await shop.ask(names.GreetMe(), actor=signer.token())).text == "001000000000001AAA"
    assert seen == [signer.actor]
    stranger = type(signer)()
    for token in (None, "nonsense", signer.token(lifetime=-10), stranger.token()):
        with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
            await shop.ask(names.GreetMe(), actor=token)
    assert len(seen) == 1


async def test_a_public_message_needs_no_actor_but_a_bad_one_is_refused(running, names, signer):
    actors = []

    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            actors.append(call.actor)
            return names.Greeting(text="ok")

    await running("desk", wire)
    shop = await running("shop")
    await shop.ask(names.Greet(name="Aoi"))
    await shop.ask(names.Greet(name="Aoi"), actor=signer.token())
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        await shop.ask(names.Greet(name="Aoi"), actor=signer.token(lifetime=-10))
    assert actors == [None, signer.actor]


async def test_an_operator_message_needs_an_operator_whose_roles_allow_it(running, names, signer):
    """R276: what a role may do is decided before the handler runs, whoever sends the message."""
    seen = []

    def wire(bus):
        @bus.answers(names.Inspect)
        async def inspect(message, call):
            return names.Greeting(text=call.operator().operator)

        @bus.answers(names.Repaint)
        async def repaint(message, call):
            seen.append(call.operator().operator)
            return OperatorOutcome(carried_out=True, changes=())

    await running("desk", wire)
    shop = await running("shop")
    order = names.Repaint(request_id="request-1", reason="test", colour="blue")
    viewer, devops = (
        signer.operator("operator_viewer"),
        signer.operator("operator_devops", email="devops@staff.example"),
    )
    assert (await shop.ask(names.Inspect(), actor=viewer)).text == "operator@staff.example"
    for token in (viewer, signer.operator("operator_support"), signer.operator(), signer.token()):
        with pytest.raises(Refused, match="OPERATOR_FORBIDDEN") as caught:
            await shop.ask(order, actor=token)
        assert caught.value.facts == {"permission": "billing_order.act"}
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        await shop.ask(order)
    assert seen == []
    assert (await shop.ask(order, actor=devops)).carried_out
    assert seen == ["devops@staff.example"]


async def test_an_operator_is_nobodys_customer(running, names, signer):
    def wire(bus):
        @bus.answers(names.GreetMe)
        async def greet(message, call):
            return names.Greeting(text=call.customer().account_id)

        @bus.answers(names.Greet)
        async def greet_anybody(message, call):
            return names.Greeting(text=call.signed_in().user_id)

    await running("desk", wire)
    shop = await running("shop")
    operator = signer.operator("operator_tech_lead")
    with pytest.raises(Refused, match="FORBIDDEN"):
        await shop.ask(names.GreetMe(), actor=operator)
    assert (await shop.ask(names.Greet(name="Aoi"), actor=operator)).text == "operator-1"
    with pytest.raises(Misconfigured, match="ACTOR_REFUSED"):
        await shop.ask(names.Greet(name="Aoi"))
