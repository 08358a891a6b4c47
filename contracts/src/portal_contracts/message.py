"""The base of everything that travels on the bus (architecture §4)."""

from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Audience = Literal["public", "customer", "operator", "service"]


class Message(BaseModel):
    """A frozen value on the bus: snake_case in Python, camelCase on the wire, unknown fields ignored.

    The same model is the HTTP body where the gateway passes a reply through, so a field has one name from HTTP to SQL.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        defer_build=True,  # a process uses a few of the several hundred messages: the others cost it nothing
    )


Reply_co = TypeVar("Reply_co", bound=Message, covariant=True)


class Event(Message):
    """A fact in the past tense, written to the outbox with its cause and delivered at least once.

    Carries ids and facts, never personal data or secrets (architecture §4); who needs more asks the owner.
    """

    subject: ClassVar[str]


class Request(Message, Generic[Reply_co]):
    """What `ask` takes: a query or a command, with the type of its answer in the brackets."""

    subject: ClassVar[str]
    audience: ClassVar[Audience]


class Query(Request[Reply_co], Generic[Reply_co]):
    """Reads and changes nothing; safe to repeat."""


class Command(Request[Reply_co], Generic[Reply_co]):
    """Changes something. `key` names the field that makes a repeat harmless.

    The receiver stores key, fingerprint and reply with the effect and answers repeats from that row.
    """

    key: ClassVar[str]


class PublicQuery(Query[Reply_co], Generic[Reply_co]):
    """A query anybody may cause through the gateway; no signed-in customer is needed."""

    audience: ClassVar[Audience] = "public"


class PublicCommand(Command[Reply_co], Generic[Reply_co]):
    """A command anybody may cause through the gateway, such as signing up."""

    audience: ClassVar[Audience] = "public"


class CustomerQuery(Query[Reply_co], Generic[Reply_co]):
    """A query of the signed-in customer. Whose data is meant comes from the `Portal-Actor` token alone."""

    audience: ClassVar[Audience] = "customer"


class CustomerCommand(Command[Reply_co], Generic[Reply_co]):
    """A command of the signed-in customer. Whose data is meant comes from the `Portal-Actor` token alone."""

    audience: ClassVar[Audience] = "customer"


class ServiceQuery(Query[Reply_co], Generic[Reply_co]):
    """A query between services; it carries ids and the gateway may not publish it."""

    audience: ClassVar[Audience] = "service"


class ServiceCommand(Command[Reply_co], Generic[Reply_co]):
    """A command between services; it carries ids and the gateway may not publish it."""

    audience: ClassVar[Audience] = "service"


def reply_type(request: type[Request[Any]]) -> type[Message]:
    """Give the class of a request's answer, as written in the brackets of its base.

    Raises TypeError when the class does not name one.
    """
    for ancestor in request.__mro__:
        for argument in getattr(ancestor, "__pydantic_generic_metadata__", {}).get("args", ()):
            if isinstance(argument, type) and issubclass(argument, Message):
                return argument
    raise TypeError(f"{request.__name__} does not say what answers it")


class Acknowledged(Message):
    """The answer of a command that has nothing more to say."""
