"""Bus in: each message to its use case."""

from dataclasses import dataclass

from portal_chassis.bus import Bus, Call
from portal_contracts import identity
from portal_contracts.message import Acknowledged
from portal_identity.change_password import ChangeOwnPassword
from portal_identity.confirm_signup import UseSignupLink
from portal_identity.log_in import OpenSession
from portal_identity.log_out import CloseSession
from portal_identity.mint_actor import MintActorToken
from portal_identity.mint_password_reset_link import MintResetLink
from portal_identity.mint_signup_link import MintLink
from portal_identity.read_customer import ReadCustomer
from portal_identity.request_password_reset import KeepPasswordReset
from portal_identity.request_signup import KeepSignup
from portal_identity.reset_password import UseResetLink


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything identity can do."""

    keep_signup: KeepSignup
    mint_link: MintLink
    use_link: UseSignupLink
    open_session: OpenSession
    close_session: CloseSession
    keep_reset: KeepPasswordReset
    mint_reset_link: MintResetLink
    use_reset_link: UseResetLink
    change_password: ChangeOwnPassword
    mint_actor: MintActorToken
    read_customer: ReadCustomer


def register(bus: Bus, use: UseCases) -> None:
    """Answer everything the topology lists for identity."""
    _register_signup(bus, use)
    _register_sessions(bus, use)
    _register_passwords(bus, use)
    _register_reading(bus, use)


def _register_signup(bus: Bus, use: UseCases) -> None:
    @bus.answers(identity.RequestSignup)
    async def request_signup(command: identity.RequestSignup, _: Call) -> identity.SignupAccepted:
        return await use.keep_signup(command)

    @bus.answers(identity.MintSignupLink)
    async def mint_signup_link(command: identity.MintSignupLink, _: Call) -> identity.SignupLink:
        return await use.mint_link(command)

    @bus.answers(identity.ConfirmSignup)
    async def confirm_signup(command: identity.ConfirmSignup, call: Call) -> identity.Signup:
        return await use.use_link(command, call.deadline)


def _register_sessions(bus: Bus, use: UseCases) -> None:
    @bus.answers(identity.LogIn)
    async def log_in(command: identity.LogIn, _: Call) -> identity.OpenedSession:
        return await use.open_session(command)

    @bus.answers(identity.LogOut)
    async def log_out(_: identity.LogOut, call: Call) -> Acknowledged:
        return await use.close_session(call.customer())

    @bus.answers(identity.MintActor)
    async def mint_actor(query: identity.MintActor, _: Call) -> identity.MintedActor:
        return await use.mint_actor(query)


def _register_passwords(bus: Bus, use: UseCases) -> None:
    @bus.answers(identity.RequestPasswordReset)
    async def request_password_reset(command: identity.RequestPasswordReset, _: Call) -> identity.PasswordResetAccepted:
        return await use.keep_reset(command)

    @bus.answers(identity.MintPasswordResetLink)
    async def mint_password_reset_link(command: identity.MintPasswordResetLink, _: Call) -> identity.PasswordResetLink:
        return await use.mint_reset_link(command)

    @bus.answers(identity.ResetPassword)
    async def reset_password(command: identity.ResetPassword, _: Call) -> Acknowledged:
        return await use.use_reset_link(command)

    @bus.answers(identity.ChangePassword)
    async def change_password(command: identity.ChangePassword, call: Call) -> Acknowledged:
        return await use.change_password(call.customer(), command)


def _register_reading(bus: Bus, use: UseCases) -> None:
    @bus.answers(identity.ReadMe)
    async def read_me(_: identity.ReadMe, call: Call) -> identity.Me:
        return await use.read_customer.me(call.customer().user_id)

    @bus.answers(identity.FindCustomer)
    async def find_customer(query: identity.FindCustomer, _: Call) -> identity.CustomerLink:
        return await use.read_customer.link(query.account_id)

    @bus.answers(identity.ReadRecipient)
    async def read_recipient(query: identity.ReadRecipient, _: Call) -> identity.Recipient:
        return await use.read_customer.recipient(query.account_id)
