from portal_chassis.service import run
from portal_gateway.main import wire

if __name__ == "__main__":
    run("gateway", wire)
