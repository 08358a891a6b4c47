from portal_chassis.service import run
from portal_orders.main import wire

if __name__ == "__main__":
    run("orders", wire, migrations="portal_orders")
