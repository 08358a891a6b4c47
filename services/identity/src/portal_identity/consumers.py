"""Bus in: each message to its use case."""

from portal_chassis.bus import Bus, Call, Delivery
from portal_chassis.process import ProcessEngine
from portal_contracts import drift, identity
from portal_contracts import identity_linking as linking
from portal_contracts import identity_passwords as passwords
from portal_contracts import operator_access as access
from portal_contracts.billing_profile import ProfileChanged
from portal_contracts.forgetting import FORGOTTEN, CustomerForgotten
from portal_contracts.identity_signup_form import ReadSignupForm, SignupFormDescription
from portal_contracts.message import Acknowledged
from portal_contracts.operators import OperatorOutcome
from portal_identity import profile_process
from portal_identity.password_hashing import WAITING
from portal_identity.security_consumers import register_security
from portal_identity.store_deletions import Deletions
from portal_identity.use_cases import UseCases


def register(bus: Bus, use: UseCases) -> None:
    """Answer everything the topology lists for identity."""
    _register_signup(bus, use)
    _register_linking(bus, use)
    _register_sessions(bus, use)
    _register_passwords(bus, use)
    register_security(bus, use)
    _register_reading(bus, use)
    _register_operators_signing_in(bus, use)
    _register_access(bus, use)


def register_news(bus: Bus, processes: ProcessEngine, deletions: Deletions) -> None:
    """Take what other services tell."""

    @bus.consumes(ProfileChanged)
    async def on_profile_changed(event: ProfileChanged, delivery: Delivery) -> None:  # R007
        state = profile_process.ProfileState(whmcs_client_id=event.whmcs_client_id)
        await processes.start(
            delivery.transaction, profile_process.KIND, delivery.message_id, state, traceparent=delivery.traceparent
        )

    async def on_customer_forgotten(event: CustomerForgotten, delivery: Delivery) -> None:  # D17
        await deletions.forgotten(delivery.transaction, event)

    for told in FORGOTTEN:
        bus.consumes(told)(on_customer_forgotten)


def _register_signup(bus: Bus, use: UseCases) -> None:
    @bus.answers(identity.RequestSignup)
    async def request_signup(command: identity.RequestSignup, _: Call) -> identity.SignupAccepted:
        return await use.keep_signup(command)

    @bus.answers(ReadSignupForm)
    async def read_signup_form(_: ReadSignupForm, __: Call) -> SignupFormDescription:
        return use.form_policy.described()

    @bus.answers(identity.MintSignupLink)
    async def mint_signup_link(command: identity.MintSignupLink, _: Call) -> identity.SignupLink:
        return await use.mint_link(command)

    @bus.answers(identity.ConfirmSignup)
    async def confirm_signup(command: identity.ConfirmSignup, call: Call) -> identity.Signup:
        return await use.use_link(command, call.deadline)


def _register_linking(bus: Bus, use: UseCases) -> None:
    @bus.answers(linking.LinkAccount)
    async def link_account(command: linking.LinkAccount, call: Call) -> linking.Linking:
        return await use.begin_linking(command, call.deadline)

    @bus.answers(linking.ContinueLinking)
    async def continue_linking(command: linking.ContinueLinking, call: Call) -> linking.Linking:
        return await use.go_on_linking(command, call.deadline)

    @bus.answers(linking.MintLinkCode)
    async def mint_link_code(command: linking.MintLinkCode, _: Call) -> linking.LinkCode:
        return await use.mint_link_code(command)


def _register_sessions(bus: Bus, use: UseCases) -> None:
    @bus.answers(identity.LogIn, at_once=WAITING, waiting=WAITING)  # hashing takes no more: the rest hears so at once
    async def log_in(command: identity.LogIn, _: Call) -> identity.OpenedSession:
        return await use.open_session(command)

    @bus.answers(identity.LogOut)
    async def log_out(command: identity.LogOut, call: Call) -> Acknowledged:
        return await use.close_session(call.signed_in(), command.client_address)

    @bus.answers(identity.MintActor)
    async def mint_actor(query: identity.MintActor, _: Call) -> identity.MintedActor:
        return await use.mint_actor(query)


def _register_passwords(bus: Bus, use: UseCases) -> None:
    @bus.answers(passwords.RequestPasswordReset)
    async def request_password_reset(
        command: passwords.RequestPasswordReset, _: Call
    ) -> passwords.PasswordResetAccepted:
        return await use.keep_reset(command)

    @bus.answers(passwords.MintPasswordResetLink)
    async def mint_password_reset_link(
        command: passwords.MintPasswordResetLink, _: Call
    ) -> passwords.PasswordResetLink:
        return await use.mint_reset_link(command)

    @bus.answers(passwords.ResetPassword)
    async def reset_password(command: passwords.ResetPassword, _: Call) -> Acknowledged:
        return await use.use_reset_link(command)

    @bus.answers(passwords.ChangePassword)
    async def change_password(command: passwords.ChangePassword, call: Call) -> Acknowledged:
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

    @bus.answers(drift.FindLinkedClients)
    async def find_linked_clients(query: drift.FindLinkedClients, _: Call) -> drift.LinkedClients:
        return await use.read_customer.linked(query.whmcs_client_ids)


def _register_operators_signing_in(bus: Bus, use: UseCases) -> None:
    @bus.answers(access.OpenOperatorSession)
    async def sign_operator_in(command: access.OpenOperatorSession, _: Call) -> identity.OpenedSession:
        return await use.sign_operator_in(command)

    @bus.answers(access.BeginOperatorEnrolment)
    async def begin_enrolment(command: access.BeginOperatorEnrolment, _: Call) -> access.OperatorEnrolment:
        return await use.show_second_factor(command)

    @bus.answers(access.FinishOperatorEnrolment)
    async def finish_enrolment(command: access.FinishOperatorEnrolment, _: Call) -> identity.OpenedSession:
        return await use.enrol_operator(command)


def _register_access(bus: Bus, use: UseCases) -> None:
    @bus.answers(access.ListOperators)
    async def list_operators(_: access.ListOperators, __: Call) -> access.OperatorList:
        return access.OperatorList(operators=await use.operators.all())

    @bus.answers(access.GrantOperator)
    async def grant_operator(command: access.GrantOperator, call: Call) -> access.OperatorGranted:
        return await use.give_access(command, call)

    @bus.answers(access.RevokeOperator)
    async def revoke_operator(command: access.RevokeOperator, call: Call) -> OperatorOutcome:
        return await use.take_access(command, call)
