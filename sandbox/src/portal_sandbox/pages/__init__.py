"""Server-rendered pages a person can use; one template folder per vendor."""

import jinja2
from starlette.responses import HTMLResponse

from portal_sandbox.pages.neighbours import neighbours
from portal_sandbox.pages.wording import bilingual, day, person, readable, tokyo, tone

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("portal_sandbox", "pages/templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(bilingual=bilingual, day=day, readable=readable, tokyo=tokyo, tone=tone)
_ENVIRONMENT.globals.update(neighbours=neighbours, person=person)


def render(template: str, *, status: int = 200, **context: object) -> HTMLResponse:
    """A page from `templates/<template>`; everything in the context is escaped.

    With `addresses` (see Core.addresses) the page's head links to the pages of all other stand-ins.
    """
    text = _ENVIRONMENT.get_template(template).render(**context)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})
