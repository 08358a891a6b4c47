from portal_chassis.service import run
from portal_support.main import wire

if __name__ == "__main__":
    run("support", wire, migrations="portal_support")
