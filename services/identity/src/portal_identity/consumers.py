"""Bus in: each message to its use case."""

from dataclasses import dataclass

from portal_chassis.bus import Bus, Call
from portal_contracts import identity
from portal_contracts.message import Acknowledged
from portal_identity.confirm_signup import UseSignupLink
from portal_identity.log_in import OpenSession
from portal_identity.log_out import CloseSession
from portal_identity.mint_actor import MintActorToken
from portal_identity.mint_signup_link import MintLink
from portal_identity.read_customer import ReadCustomer
from portal_identity.request_signup import KeepSignup


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything identity can do."""

    keep_signup: KeepSignup
    mint_link: MintLink
    use_link: UseSignupLink
    open_session: OpenSession
    close_session: CloseSession
    mint_actor: MintActorToken
    read_customer: ReadCustomer


def register(bus: Bus, use: UseCases) -> None:
    """Answer everything the topology lists for identity."""

    @bus.answers(identity.RequestSignup)
    async def request_signup(command: identity.RequestSignup, _: Call) -> identity.SignupAccepted:
        return await use.keep_signup(command)

    @bus.answers(identity.MintSignupLink)
    async def mint_signup_link(command: identity.MintSignupLink, _: Call) -> identity.SignupLink:
        return await use.mint_link(command)

    @bus.answers(identity.ConfirmSignup)
    async def confirm_signup(command: identity.ConfirmSignup, call: Call) -> identity.Signup:
        return await use.use_link(command, call.deadline)

    @bus.answers(identity.LogIn)
    async def log_in(command: identity.LogIn, _: Call) -> identity.OpenedSession:
        return await use.open_session(command)

    @bus.answers(identity.LogOut)
    async def log_out(_: identity.LogOut, call: Call) -> Acknowledged:
        return await use.close_session(call.customer())

    @bus.answers(identity.MintActor)
    async def mint_actor(query: identity.MintActor, _: Call) -> identity.MintedActor:
        return await use.mint_actor(query)

    @bus.answers(identity.ReadMe)
    async def read_me(_: identity.ReadMe, call: Call) -> identity.Me:
        return await use.read_customer.me(call.customer().user_id)

    @bus.answers(identity.FindCustomer)
    async def find_customer(query: identity.FindCustomer, _: Call) -> identity.CustomerLink:
        return await use.read_customer.link(query.account_id)

    @bus.answers(identity.ReadRecipient)
    async def read_recipient(query: identity.ReadRecipient, _: Call) -> identity.Recipient:
        return await use.read_customer.recipient(query.account_id)
