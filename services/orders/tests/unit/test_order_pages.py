"""A customer with many orders sees all of them, page by page; who never heard of pages sees the newest as before."""

from dataclasses import replace
from datetime import timedelta

from portal_contracts.orders import ListOrders
from portal_orders.testing import ACCOUNT


async def test_pages_lead_through_all_orders_and_end(world):
    first = world.book.orders[await world.place_one()]
    copies = [
        replace(
            first, order_id=f"80100000000010{number}AAA", placed_at=first.placed_at + timedelta(seconds=number // 2)
        )
        for number in range(1, 5)
    ]
    world.book.orders |= {one.order_id: replace(one, order_number=one.order_id[:15]) for one in copies}
    placed = [first.order_id, *(one.order_id for one in copies)]
    read = world.orders.use.read_orders
    pages, query = [], ListOrders(limit=2)
    while True:
        page = await read.all(ACCOUNT, after=query.after, limit=query.limit)
        pages.append([order.order_id for order in page.orders])
        if page.next is None:
            break
        query = ListOrders(limit=2, after=page.next)
    assert pages == [placed[:2:-1], placed[2:0:-1], placed[:1]]
    whole = await read.all(ACCOUNT)
    assert ([order.order_id for order in whole.orders], whole.next) == (placed[::-1], None)
