from portal_chassis.service import run
from portal_notifications.main import wire

if __name__ == "__main__":
    run("notifications", wire, migrations="portal_notifications")
