"""The doctor's lines about an org, made from a service's needs (R269-R275, R298-R300): what describe says of them.

Describe answers for the user who asks: an object without the read right is not there, a field hidden by field-level
security is left out, and createable, updateable and deletable are that user's own (reference salesforce.md 2.4).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from portal_chassis.setup_checks import Line, Look, clock_check, seen
from portal_contracts.problems import Misconfigured, PortalProblem
from portal_contracts.setup_checks import SetupCheck
from portal_salesforce.client import Salesforce
from portal_salesforce.profile import Profile, load_profile
from portal_salesforce.setup_needs import FieldNeed, ObjectNeed

VENDOR: Final = "salesforce"
PERMISSION_SET: Final = "the integration user's permission set (deploy/salesforce)"
EVENT: Final = "__e"
_RIGHTS: Final = {"C": ("createable", "create"), "U": ("updateable", "edit")}
_FLAGS: Final = {"c": "createable", "u": "updateable"}
_LOGIN: Final = Line(
    "salesforce.login",
    "The integration user can log in through the Connected App (R269-R271).",
    "Compare SF_LOGIN_URL, SF_CLIENT_ID, SF_USERNAME and the private key with the Connected App.",
)
_LOGIN_FIXES: Final[Mapping[str, str]] = {
    "invalid_client": "SF_CLIENT_ID must be the consumer key of the Connected App, and its OAuth settings enabled.",
    "invalid assertion": "Upload the certificate that belongs to the private key to the Connected App.",
    "expired": "Set the machine's clock right: the login's assertion lives three minutes.",
    "audience": "SF_LOGIN_URL (or SF_AUDIENCE) must be https://login.salesforce.com, https://test.salesforce.com or "
    "the org's My Domain.",
    "approved": "Assign the integration user (SF_USERNAME) to the Connected App: permitted users are pre-authorised by "
    "an administrator, through its permission set.",
    "inactive": "Unfreeze the integration user.",
}


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a service's own about the org, looked at once somebody could log in."""

    lines: Sequence[Line]
    look: Look


def org_look(salesforce: Salesforce, needs: Sequence[ObjectNeed], *parts: Part) -> Look:
    """Give a service's look at the org."""

    async def look() -> Sequence[SetupCheck]:
        return await org_checks(salesforce, needs, *parts)

    return look


async def org_checks(salesforce: Salesforce, needs: Sequence[ObjectNeed], *parts: Part) -> list[SetupCheck]:
    """Log in, then look at each object and part. Without a login everything else is unknown."""
    login = await login_check(salesforce)
    clock = clock_check(VENDOR, None if login.result == "unknown" else salesforce.date_header)
    if login.result != "passed":
        profile = _profile(salesforce)
        lines = [line for need in needs for line in object_lines(need, profile)]
        lines += [line for part in parts for line in part.lines]
        return [login, clock, *(line.unknown("nobody could log in") for line in lines)]
    found = [login, clock]
    for need in needs:
        found += await object_checks(salesforce, need)
    for part in parts:
        found += await part.look()
    return found


async def login_check(salesforce: Salesforce) -> SetupCheck:
    """Log in anew, even shortly after a refusal: somebody has just mended it."""
    try:
        token = await salesforce.tokens.prove()
    except Misconfigured as problem:
        text = seen(problem)
        fix = next((fix for word, fix in _LOGIN_FIXES.items() if word in text), "")
        return _LOGIN.failed(text, fix)
    except PortalProblem as problem:
        return _LOGIN.unknown(seen(problem))
    return _LOGIN.passed(f"{salesforce.settings.username} in organization {token.organization_id}")


async def object_checks(salesforce: Salesforce, need: ObjectNeed) -> list[SetupCheck]:
    """Describe an object and judge its rights and fields."""
    profile = _profile(salesforce)
    first, *others = object_lines(need, profile)
    try:
        describe = await salesforce.describe(need.name)
    except PortalProblem as problem:
        wrong = isinstance(problem, Misconfigured)
        head = first.failed(seen(problem)) if wrong else first.unknown(seen(problem))
        return [head, *(line.unknown(f"{need.name} cannot be looked at") for line in others)]
    return [*_rights(need, describe), *(_field(need, field, describe, profile) for field in need.fields)]


def object_lines(need: ObjectNeed, profile: Profile) -> list[Line]:
    """Give the lines of an object without asking anybody: what it can be read as, rights, then fields."""
    return [_read_line(need), *_right_lines(need).values(), *(_field_line(need, one, profile) for one in need.fields)]


def _profile(salesforce: Salesforce) -> Profile:
    return load_profile(salesforce.settings.dialect)


def _read_line(need: ObjectNeed) -> Line:
    return Line(
        f"salesforce.{need.name}.read",
        f"The integration user may read {need.name}.",
        f"Give Read on {need.name} in {PERMISSION_SET}.",
    )


def _right_lines(need: ObjectNeed) -> dict[str, Line]:
    """Give a line for each property of describe that must be true or false."""
    if not need.rights:
        return {}
    if need.name.endswith(EVENT):
        publish = Line(
            f"salesforce.{need.name}.publish",
            f"The integration user may not publish {need.name}: a Flow does (R275).",
            f"Take away Create on {need.name} in {PERMISSION_SET}.",
        )
        return {"createable": publish}
    source = "R273" if need.name in {"Product2", "PricebookEntry"} else "R272"
    lines = {}
    for letter, (flag, verb) in _RIGHTS.items():
        may = letter in need.rights
        lines[flag] = Line(
            f"salesforce.{need.name}.{verb}",
            f"The integration user may {'' if may else 'not '}{verb} {need.name} ({source}).",
            f"{'Give' if may else 'Take away'} {verb.capitalize()} on {need.name} in {PERMISSION_SET}.",
        )
    lines["deletable"] = Line(
        f"salesforce.{need.name}.delete",
        f"The integration user may not delete {need.name} ({source}).",
        f"Take away Delete on {need.name} in {PERMISSION_SET}, and from the user's profile.",
    )
    return lines


def _rights(need: ObjectNeed, describe: Mapping[str, Any]) -> Iterator[SetupCheck]:
    # Nobody can query a platform event; who may describe it may listen.
    yield _read_line(need).is_so(bool(describe.get("queryable")) or need.name.endswith(EVENT), "")
    wanted = {flag: letter in need.rights for letter, (flag, _) in _RIGHTS.items()} | {"deletable": False}
    for flag, line in _right_lines(need).items():
        has = bool(describe.get(flag))
        yield line.is_so(has is wanted[flag], f"{flag} is {str(has).lower()}")


def _field_line(need: ObjectNeed, field: FieldNeed, profile: Profile) -> Line:
    names = field.api_names(profile)
    demands = [
        *([f"of type {' or '.join(field.types)}"] if field.types else []),
        *(["a unique external id"] if field.unique else []),
        "visible",
        *(["editable"] if field.writes else []),
        *(["with the portal's values"] if field.texts or field.picklist else []),
    ]
    alternatives = f" (or {', '.join(names[1:])})" if len(names) > 1 else ""
    return Line(
        f"salesforce.{need.name}.{names[0]}",
        f"{need.name}.{names[0]}{alternatives} is {', '.join(demands)} (R274).",
        f"Deploy the field from deploy/salesforce, and give field access in {PERMISSION_SET}.",
    )


def _field(need: ObjectNeed, field: FieldNeed, describe: Mapping[str, Any], profile: Profile) -> SetupCheck:
    line = _field_line(need, field, profile)
    known = {str(one["name"]).lower(): one for one in describe["fields"]}
    present = [known[name.lower()] for name in field.api_names(profile) if name.lower() in known]
    if not present:
        if field.without:
            return line.passed(f"the org lacks it or hides it; the portal goes without {field.without}")
        return line.failed("it does not exist, or field-level security hides it from the integration user")
    missing = frozenset(flag for flag in _FLAGS.values() if need.rights and not describe.get(flag))
    for described in present:
        if wrong := _defect(field, described, profile, excused=missing):
            return line.failed(f"{described['name']} {wrong[0]}", wrong[1])
    return line.passed(f"as {', '.join(str(one['name']) for one in present)}")


def _defect(
    field: FieldNeed, described: Mapping[str, Any], profile: Profile, *, excused: frozenset[str]
) -> tuple[str, str] | None:
    """Give what is wrong with a field and how to mend it, the most basic thing first.

    `excused` are the rights missing on the whole object: they have lines of their own.
    """
    if field.types and described.get("type") not in field.types:
        return f"is of type {described.get('type')}", f"Make it a field of type {' or '.join(field.types)}."
    if field.unique and not (described.get("unique") and described.get("externalId")):
        return (
            "is no unique external id",
            "Tick Unique and External ID on the field: repeated writes find their record by it.",
        )
    wanted = [_FLAGS[letter] for letter in field.writes]
    refused = [flag for flag in wanted if flag not in excused and not described.get(flag)]
    if refused:
        return f"is not {' and not '.join(refused)}", f"Give Edit on the field in {PERMISSION_SET}."
    missing = _missing_texts(field, described, profile)
    if missing:
        quoted = ", ".join(f"“{text}”" for text in missing)
        return (
            f"lacks {quoted}",
            "Add the values to the picklist, active and spelt so (or name the org's in SF_DIALECT).",
        )
    return None


def _missing_texts(field: FieldNeed, described: Mapping[str, Any], profile: Profile) -> list[str]:
    if described.get("type") != "picklist":
        return []
    active = {str(one["value"]) for one in described.get("picklistValues", ()) if one.get("active", True)}
    written = profile.picklists[field.picklist].writes.values() if field.picklist else ()
    return [text for text in dict.fromkeys((*field.texts, *written)) if text not in active]
