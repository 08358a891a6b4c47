async def test_ask_is_answered(running, names):
    def wire(bus):
        @bus.answers(names.Greet)
        async def greet(message, call):
            return names.Greeting(text=f"hello {message.name}")

    await running("desk", wire)
    shop = await running("shop")
    reply = await shop.ask(names.Greet(name="Aoi"))
    assert reply == names.Greeting(text="hello Aoi")


async def test_event_goes_from_outbox_to_effect(running, names, database, second_database, provision, eventually):
    await provision()
    taken = []

    def wire(bus):
        @bus.consumes(names.ThingSold)
        async def sold(event, delivery):
            await delivery.transaction.execute("INSERT INTO effect VALUES ($1, $2)", event.number, delivery.message_id)
            taken.append(event.number)

    desk = await running("desk", wire, database=database)
    await running("shop", database=second_database)
    async with second_database.transaction() as transaction:
        for number in range(100):
            await transaction.record(names.ThingSold(number=number))
    await eventually(lambda: len(taken) >= 100)
    assert await database.fetchval("SELECT count(*) FROM effect") == 100
    assert await desk.consumers_ready()
