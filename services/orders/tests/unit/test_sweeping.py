"""The sweeper on fakes: what no event told is found (C01, C29)."""

from portal_contracts.changefeed import EventsMissed


async def test_the_sweeper_alone_finds_an_approved_order_and_asks_once(world):
    """C01."""
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    for _ in range(3):
        await world.sweep()
        world.clock.advance(5)
    assert world.sources == ["sweeper"]
    assert world.book.kinds(order_id) == ["order.placed", "order.approved"]


async def test_the_sweeper_asks_again_when_nobody_moved_and_not_when_somebody_did(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    await world.sweep()
    world.clock.advance(601)
    await world.sweep()
    assert world.sources == ["sweeper", "sweeper"]
    await world.progress(order_id, "started")
    world.clock.advance(601)
    await world.sweep()
    assert len(world.sources) == 2


async def test_the_sweeper_leaves_failed_orders_alone_until_staff_retry(world):
    """§2.1: a retry is a change by staff; the sweeper speaks for one whose event was missed."""
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.progress(order_id, "failed", code="SIM_REFUSED")
    world.sales.change(order_id, activation="failed", error_code="SIM_REFUSED")
    await world.sweep()
    assert world.sources == ["change_event"]
    world.sales.change(order_id, activation="activating", error_code=None)
    await world.sweep()
    assert world.sources == ["change_event", "change_event"]


async def test_the_sweeper_does_not_ask_for_accounts_without_a_customer(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    world.book.orders.clear()
    world.customers.links.clear()
    for _ in range(3):
        await world.sweep()
    assert world.sources == []
    assert not world.book.orders


async def test_the_sweep_finds_what_no_event_told(world):
    """C29: a lost change event freezes nothing."""
    order_id = await world.place_one()
    await world.sweep()
    world.clock.advance(3600)
    world.sales.change(order_id, address=None, items=world.sales.orders[order_id].items[:1])
    world.clock.advance(3600)
    await world.deliver(EventsMissed(topic="x", reason="gap_event", detected_at=world.clock.now()))
    await world.processes.run_until_idle()
    await world.follow()
    assert len((await world.detail(order_id)).items) == 1


async def test_a_sweep_survives_salesforces_absence(world):
    order_id = await world.place_one()
    world.sales.change(order_id, state="approved")
    world.sales.away = True
    await world.sweep()
    world.sales.away = False
    world.clock.advance(30)
    await world.processes.run_until_idle()
    await world.follow()
    assert world.sources == ["sweeper"]


async def test_the_sweeper_asks_again_for_what_fulfillment_was_not_heard_of_for_long(world):
    """T-09: fulfillment's database may have been restored to a moment before the order began."""
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.progress(order_id, "reserved")
    world.clock.advance(1800)
    await world.sweep()
    assert world.sources == ["change_event"]
    world.clock.advance(1801)
    await world.sweep()
    await world.sweep()
    assert world.sources == ["change_event", "sweeper"]


async def test_the_sweeper_speaks_for_what_only_waits_though_it_reads_failed(world):
    """C04: a blocked order reads Failed; that it waits is what fulfillment said, and fulfillment may have lost it."""
    order_id = await world.place_one()
    await world.approve(order_id)
    await world.progress(order_id, "blocked", code="PAYMENT_METHOD_MISSING")
    await world.change(order_id, activation="failed", error_code="PAYMENT_METHOD_MISSING")
    before = len(world.sources)
    await world.sweep()
    assert len(world.sources) == before
    world.clock.advance(3601)
    await world.sweep()
    assert world.sources[before:] == ["sweeper"]


async def test_a_sweep_looks_ten_minutes_further_back_than_the_one_before(world):
    """Commits are seen later than their time says."""
    looked_since = []
    changed_since = world.sales.changed_since

    async def watched(moment):
        looked_since.append(moment)
        return await changed_since(moment)

    world.sales.changed_since = watched
    await world.sweep()
    swept_at = world.clock.now()
    world.clock.advance(300)
    await world.sweep()
    assert (swept_at - looked_since[1]).total_seconds() == 600
