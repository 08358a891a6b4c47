"""Plans and keys from files, problems of wrong ones, and the trace that links a provisioning to its checkout."""

from datetime import timedelta
from pathlib import Path

import pytest

from portal_chassis.testing import SpanCollector
from portal_contracts.problems import Misconfigured, Refused
from portal_fulfillment.sim import SimKind, VoiceOptions
from portal_fulfillment.sim_plans import SimPlans, load_plans

EXAMPLE = Path(__file__).parents[2] / "sim_plans.sandbox.toml"
CHECKOUT = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_example_maps_the_sandboxs_plans_and_options(new_order):
    plans = load_plans(EXAMPLE)
    voice = plans.activation_of(new_order())
    assert (voice.plan_code, voice.sim_kind, voice.network) == ("PASI_20G", SimKind.VOICE, "5G")
    data = plans.activation_of(new_order(voice=False, sim_plan="SIM-DATA-ESIM-10G"))
    assert (data.plan_code, data.sim_kind) == ("PASI_10G", SimKind.DATA)
    chosen = plans.options_of(new_order(voice_options=["SIM-VOICEMAIL", "call_transfer"]))
    assert chosen == VoiceOptions(voice_mail=True, call_waiting=False, call_transfer=True)


def test_an_add_on_the_operator_has_no_part_in_is_passed_over(new_order):
    plans = SimPlans(voice_options={"SIM-INSURANCE": "none"})
    options = plans.options_of(new_order(voice_options=["SIM-INSURANCE"]))
    assert options == VoiceOptions(voice_mail=False, call_waiting=False)


def test_a_plan_nobody_mapped_names_its_sku(new_order):
    with pytest.raises(Refused) as refused:
        load_plans(None).activation_of(new_order())
    assert (refused.value.code, refused.value.facts) == ("PRODUCT_UNMAPPED", {"sku": "SIM-VOICE-ESIM-20G"})


@pytest.mark.parametrize("content", ["plans = 1", "[plans.X]\nplan = 'P'", "[voice_options]\nX = 'beeps'", "not toml"])
def test_a_wrong_file_of_plans_is_our_set_up(tmp_path, content):
    path = tmp_path / "plans.toml"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=r"plans\.toml"):
        load_plans(path)


async def test_every_step_after_the_first_links_to_the_checkouts_trace(desk, new_order):  # architecture §10
    collector = SpanCollector()
    with collector.recording():
        await desk.provision(
            new_order(checkout_traceparent=f"00-{CHECKOUT}-00f067aa0ba902b7-01"), by=timedelta(hours=2)
        )
    steps = {span.name: span.links for span in collector.spans if span.name.startswith("provisioning: ")}
    assert len(steps) == 11
    assert {name for name, links in steps.items() if CHECKOUT not in links} == {"provisioning: read_order"}
