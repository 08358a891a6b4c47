from portal_chassis.service import run
from portal_identity.main import wire

if __name__ == "__main__":
    run("identity", wire, migrations="portal_identity")
