from portal_chassis.service import run
from portal_fulfillment.main import wire

if __name__ == "__main__":
    run("fulfillment", wire, migrations="portal_fulfillment")
