from portal_catalog.main import wire
from portal_chassis.service import run

if __name__ == "__main__":
    run("catalog", wire, migrations="portal_catalog")
