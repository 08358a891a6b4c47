from portal_changefeed.main import wire
from portal_chassis.service import run

run("changefeed", wire, migrations="portal_changefeed")
