import asyncio, grpc
from portal_sandbox.salesforce.seed import account_id
async def test_smoke(sandbox, rest, staff, salesforce, switch):
    rows = await rest.query("SELECT Id, Name, (SELECT Email FROM Contacts) FROM Account ORDER BY SF_Account_No__c LIMIT 3")
    print(rows)
    r = await asyncio.to_thread(salesforce.query, "SELECT Id FROM Product2")
    print(r['totalSize'])
    import sys; sys.path.insert(0,'/work/main/sandbox/tests/integration/salesforce')
    from orders import submitted_order
    o = await submitted_order(rest)
    await staff.change("Order", o, Status="Approved")
    print(await rest.read("Order", o))
    print(sandbox.core.ledger.entries()[-3:])
    for p in ("/staff/", "/staff/?status=Approved", f"/staff/orders/{o}", "/staff/accounts", f"/staff/accounts/{account_id('SNX-10001')}", "/staff/cases", "/staff/products"):
        rep = await rest.client.get(p); print(p, rep.status_code, len(rep.text)); assert rep.status_code==200
    print((await rest.client.get("/", follow_redirects=False)).headers)
