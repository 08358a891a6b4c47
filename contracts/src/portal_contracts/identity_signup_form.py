"""The sign-up form as this deployment asks for it (C08, C10)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from portal_contracts.message import Message, PublicQuery

SignupMode = Literal["customer_number_required", "open"]
Wanted = Literal["required", "optional", "hidden"]


class SignupFormDescription(Message):
    """What to ask for. Each field may say in `x-purpose` why, in both languages (data minimisation)."""

    mode: SignupMode
    form: Mapping[str, Any] = Field(description="JSON Schema of the body of `POST /auth/signup`")


class ReadSignupForm(PublicQuery[SignupFormDescription]):
    """Tell what the sign-up form asks for here."""

    subject: ClassVar[str] = "identity.signup_form.read.v1"
