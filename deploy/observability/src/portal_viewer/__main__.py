"""`python -m portal_viewer`."""

import uvicorn

from portal_viewer.application import Viewer
from portal_viewer.settings import ViewerSettings


def main() -> None:
    """Serve until told to stop."""
    settings = ViewerSettings()
    application = Viewer(settings).application()
    uvicorn.run(application, host=settings.host, port=settings.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
