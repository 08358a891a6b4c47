"""Server-rendered pages a person can use; one template folder per vendor."""

import jinja2
from starlette.responses import HTMLResponse

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("portal_sandbox", "pages/templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """A page from `templates/<template>`; everything in the context is escaped."""
    text = _ENVIRONMENT.get_template(template).render(**context)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})
