"""The one list of problem codes. problem+json, the Salesforce error field, mails and the console are made from it."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["try_later", "refused", "misconfigured"]
Owner = Literal["customer", "staff", "us", "vendor"]


@dataclass(frozen=True, slots=True)
class ProblemEntry:
    """One code: what everybody is told and who must act. The code's lower-case form is its anchor in the runbook."""

    code: str
    kind: Kind
    status: int
    owner: Owner
    text_en: str
    text_ja: str
    staff: str
    retry_after: int | None = None

    @property
    def runbook(self) -> str:
        """Where the runbook explains what to do."""
        return f"docs/runbook/problems.md#{self.code.lower()}"


def _later(
    code: str, owner: Owner, text_en: str, text_ja: str, staff: str, *, after: int = 5, status: int = 503
) -> ProblemEntry:
    return ProblemEntry(code, "try_later", status, owner, text_en, text_ja, staff, after)


def _refused(
    code: str, status: int, text_en: str, text_ja: str, staff: str, *, owner: Owner = "customer"
) -> ProblemEntry:
    return ProblemEntry(code, "refused", status, owner, text_en, text_ja, staff)


def _ours(code: str, staff: str) -> ProblemEntry:
    return ProblemEntry(
        code,
        "misconfigured",
        500,
        "us",
        "Something is wrong on our side. We have been told and are looking into it.",
        "システムに問題が発生しました。担当者が確認しております。",
        staff,
    )


_BUSY_EN: Final = "This is not available right now. Please try again in a moment."
_BUSY_JA: Final = "ただいまご利用いただけません。しばらくしてからもう一度お試しください。"
_CHECKING_EN: Final = "Your order is being checked by our staff. You do not need to do anything."
_CHECKING_JA: Final = "担当者がご注文を確認しております。お客様のお手続きは必要ありません。"

ENTRIES: Final[tuple[ProblemEntry, ...]] = (
    # waiting
    _later("SERVICE_UNAVAILABLE", "us", _BUSY_EN, _BUSY_JA, "A portal service did not answer in time."),
    _later("DATABASE_UNAVAILABLE", "us", _BUSY_EN, _BUSY_JA, "A service's database cannot be reached."),
    _later("DEADLINE_PASSED", "us", _BUSY_EN, _BUSY_JA, "The request arrived after its caller had given up.", after=1),
    _later("OVERLOADED", "us", _BUSY_EN, _BUSY_JA, "A service's queue is full.", after=2),
    _later(
        "SALESFORCE_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "Salesforce does not answer or its quota is used up."
    ),
    _later("WHMCS_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "WHMCS does not answer."),
    _later("FREEBIT_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "Freebit does not answer."),
    _later("MAIL_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "The mail provider does not answer."),
    _later(
        "RATE_LIMITED",
        "customer",
        "Too many tries. Please wait {seconds} seconds and try again.",
        "試行回数が多すぎます。{seconds}秒後にもう一度お試しください。",
        "A rate limit of the portal was reached.",
        after=60,
        status=429,
    ),
    _later(
        "IN_PROGRESS",
        "us",
        "The same request is still being worked on. Please look again in a moment.",
        "同じお手続きを処理中です。しばらくしてからご確認ください。",
        "A request with this idempotency key is still running.",
        after=2,
        status=409,
    ),
    # the request itself
    _refused(
        "BAD_REQUEST",
        422,
        "Please check the marked fields.",
        "入力内容をご確認ください。",
        "The request does not fit its schema.",
    ),
    _refused("FIELD_MISSING", 422, "Please fill this in.", "入力してください。", "A required field is missing."),
    _refused(
        "FIELD_INVALID",
        422,
        "This does not look right: {reason}",
        "入力内容が正しくありません。",
        "A field has a wrong form.",
    ),
    _refused(
        "FIELD_TOO_LONG",
        422,
        "At most {limit} characters, please.",
        "{limit}文字以内で入力してください。",
        "A text is too long.",
    ),
    _refused(
        "FIELD_TOO_SHORT",
        422,
        "At least {limit} characters, please.",
        "{limit}文字以上で入力してください。",
        "A text is too short.",
    ),
    _refused(
        "NOT_FOUND",
        404,
        "We could not find that.",
        "見つかりませんでした。",
        "Nothing with this id belongs to the caller.",
    ),
    _refused(
        "METHOD_NOT_ALLOWED",
        405,
        "This address does not take that method.",
        "この操作はできません。",
        "Wrong HTTP method.",
    ),
    _refused(
        "PAYLOAD_TOO_LARGE",
        413,
        "That is too large: at most {limit} bytes.",
        "データが大きすぎます。",
        "The body is over the limit.",
    ),
    _refused(
        "SESSION_REQUIRED",
        401,
        "Please log in.",
        "ログインしてください。",
        "The call needs a signed-in customer.",
    ),
    _refused(
        "SESSION_EXPIRED",
        401,
        "Your session has ended. Please log in again.",
        "セッションの有効期限が切れました。もう一度ログインしてください。",
        "The session is unknown, expired or revoked.",
    ),
    _refused(
        "CSRF_REFUSED",
        403,
        "This request did not come from the portal's page. Reload the page and try again.",
        "ページを再読み込みして、もう一度お試しください。",
        "CSRF token or Origin header is missing or foreign.",
    ),
    _refused("FORBIDDEN", 403, "You may not do that.", "この操作は許可されていません。", "The caller lacks the role."),
    _refused(
        "IDEMPOTENCY_KEY_REUSED",
        422,
        "This request repeats an earlier one with other content. Start again.",
        "以前のお手続きと内容が異なります。最初からやり直してください。",
        "The idempotency key was used with another fingerprint (C16).",
    ),
    # sign-up and log-in
    _refused(
        "PASSWORD_TOO_WEAK",
        422,
        "Use at least {limit} characters that are not a well-known password.",
        "{limit}文字以上で、推測されにくいパスワードを設定してください。",
        "The password is too short or on the block list.",
    ),
    _refused(
        "EMAILS_DIFFER",
        422,
        "The two e-mail addresses differ.",
        "メールアドレスが一致しません。",
        "E-mail confirmation differs (R016).",
    ),
    _refused(
        "PASSWORDS_DIFFER",
        422,
        "The two passwords differ.",
        "パスワードが一致しません。",
        "Password confirmation differs (R016).",
    ),
    _refused(
        "CUSTOMER_NUMBER_CONFLICT",
        400,
        "customerNumber and sfNumber differ. Send one of them.",
        "お客様番号の指定が一致しません。",
        "Both names of the Customer Number were sent with different values (C11).",
    ),
    _refused(
        "CREDENTIALS_WRONG",
        401,
        "E-mail address or password is wrong.",
        "メールアドレスまたはパスワードが正しくありません。",
        "Log-in refused.",
    ),
    _refused(
        "SIGNUP_LINK_INVALID",
        404,
        "This link is used up or too old. Please sign up again.",
        "このリンクは無効です。もう一度お申し込みください。",
        "The sign-up link is unknown, used or expired.",
    ),
    _refused(
        "CUSTOMER_NUMBER_UNKNOWN",
        422,
        "We do not know this Customer Number. Please check it on your contract letter.",
        "お客様番号が見つかりません。ご契約書類をご確認ください。",
        "No Salesforce account has this Customer Number (R021).",
    ),
    _refused(
        "CUSTOMER_NUMBER_TAKEN",
        409,
        "This Customer Number already has a portal account. Log in or reset your password.",
        "このお客様番号は登録済みです。ログインまたはパスワードの再設定をお試しください。",
        "Customer Number already linked to a portal user (R022).",
    ),
    _refused(
        "EMAIL_TAKEN",
        409,
        "You already have a portal account. Log in or reset your password.",
        "登録済みのメールアドレスです。ログインまたはパスワードの再設定をお試しください。",
        "E-mail already belongs to a portal user (R022).",
    ),
    _refused(
        "BILLING_ACCOUNT_EXISTS",
        409,
        "You already have a billing account with us. Please use 'Link account'.",
        "すでに請求アカウントをお持ちです。「アカウント連携」をご利用ください。",
        "The e-mail already has a WHMCS client without this Customer Number (R023).",
    ),
    _refused(
        "CUSTOMER_NUMBER_NOT_PROVEN",
        409,
        "We could not match your details with this Customer Number. Our staff will check and contact you.",
        "お客様番号とご登録内容を確認できませんでした。担当者よりご連絡いたします。",
        "Neither the e-mail nor name and postcode on file match (C39); case {case_id}.",
        owner="staff",
    ),
    _refused(
        "LINK_MISMATCH",
        409,
        "Your account needs a check by our staff. We will contact you.",
        "担当者による確認が必要です。追ってご連絡いたします。",
        "Salesforce's WH_Account__c names another WHMCS client than the portal's link.",
        owner="staff",
    ),
    # ordering
    _refused("CART_EMPTY", 422, "Your cart is empty.", "カートが空です。", "Checkout of an empty cart."),
    _refused(
        "CART_INVALID",
        422,
        "Please check the marked lines of your cart.",
        "カートの内容をご確認ください。",
        "The cart breaks a rule.",
    ),
    _refused(
        "PRODUCT_NOT_ORDERABLE",
        422,
        "{sku} cannot be ordered right now.",
        "{sku}は現在ご注文いただけません。",
        "{sku} is unknown, unpriced, inactive or lacks its WHMCS mapping (R081).",
    ),
    _refused(
        "SERVICE_MISSING",
        422,
        "Add the plan this item belongs to.",
        "対象のプランを追加してください。",
        "An item of the cart belongs to no service (R103, C12).",
    ),
    _refused(
        "ACTIVATION_FEE_MISSING",
        422,
        "{category} needs its activation fee. Add it to the cart.",
        "{category}には初期費用の追加が必要です。",
        "A SIM or VPN without its activation fee (R104, R106).",
    ),
    _refused(
        "ITEM_NOT_FITTING",
        422,
        "{sku} does not belong to this plan.",
        "{sku}はこのプランに追加できません。",
        "An item of another category than its service (C12).",
    ),
    _refused(
        "EID_MISSING",
        422,
        "Enter the 32-digit EID of your phone. You find it in the phone's settings.",
        "スマートフォンの設定画面に表示される32桁のEIDを入力してください。",
        "An eSIM order without a valid EID.",
    ),
    _refused(
        "ADDRESS_NOT_CONFIRMED",
        422,
        "Please confirm the installation address.",
        "設置先住所をご確認ください。",
        "Internet order without address confirmation (R055).",
    ),
    _refused(
        "PAYMENT_METHOD_MISSING",
        409,
        "Please add a payment method first.",
        "先にお支払い方法をご登録ください。",
        "The customer has no usable payment method in WHMCS (R064, R067).",
    ),
    _refused(
        "INTERNET_ALREADY_ORDERED",
        409,
        "You already have an Internet service or order. Manage it under Services.",
        "インターネットサービスはすでにご契約またはお申し込み済みです。",
        "The account has an Internet service or open order (R107, C14).",
    ),
    _refused(
        "NOT_ELIGIBLE",
        409,
        "{sku} is not available at your address.",
        "ご住所では{sku}をご利用いただけません。",
        "The account's eligibility does not allow the plan (R080).",
    ),
    _refused(
        "SSO_REFUSED",
        409,
        "The billing page cannot be opened for your account. Please contact support.",
        "お支払いページを開けません。サポートまでご連絡ください。",
        "WHMCS blocks single sign-on for this client.",
        owner="staff",
    ),
    # provisioning
    _refused(
        "ORDER_NOT_APPROVED",
        409,
        "This order is not approved.",
        "このご注文は承認されていません。",
        "The order is not Approved in Salesforce any more.",
        owner="staff",
    ),
    _refused(
        "CUSTOMER_NOT_LINKED",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "The order's account has no portal user and no WHMCS client.",
        owner="staff",
    ),
    _refused(
        "MARKER_UNMAPPED",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "WHMCS product {pid} has no marker field; map it before ordering.",
        owner="us",
    ),
    _refused(
        "PRODUCT_UNMAPPED",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "{sku} has no usable WHMCS product id.",
        owner="staff",
    ),
    _refused(
        "PRICE_MISMATCH",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "{sku}: the order says {ordered} yen, WHMCS {billed} yen.",
        owner="staff",
    ),
    _refused(
        "WHMCS_ORDER_REFUSED",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "WHMCS refused the order: {message}",
        owner="staff",
    ),
    _refused(
        "WHMCS_ORDER_UNCLEAR",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "Twice unclear whether WHMCS made the order. Look at the evidence, then link, retry or cancel.",
        owner="staff",
    ),
    _refused(
        "WHMCS_SERVICE_NOT_ACTIVE",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "WHMCS accepted order {whmcs_order_id} but its service is not active (D02).",
        owner="staff",
    ),
    _refused(
        "WHMCS_ORDER_CANCELLED",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "WHMCS order {whmcs_order_id} was cancelled or deleted by hand.",
        owner="staff",
    ),
    _refused(
        "SIM_REFUSED",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "Freebit refused the activation: FREEBIT_{pair}.",
        owner="staff",
    ),
    _refused(
        "SIM_UNCLEAR",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "It is unclear whether Freebit activated the line; no query answered in time.",
        owner="staff",
    ),
    _refused(
        "SIM_IN_USE",
        409,
        "The EID you gave already has a profile. Please contact support.",
        "ご入力のEIDはすでに使用されています。サポートまでご連絡ください。",
        "Freebit says the EID already has this profile or another request is open.",
    ),
    _refused(
        "TOO_MANY_FAILURES",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "The step {step} failed for three days; last: {last}.",
        owner="us",
    ),
    _refused(
        "MAIL_REFUSED",
        409,
        "Your mail could not be sent.",
        "メールを送信できませんでした。",
        "The mail provider refused the mail: {message}",
        owner="us",
    ),
    # set-up
    _ours("INTERNAL_ERROR", "An unexpected error; the logs hold the trace."),
    _ours("ACTOR_REFUSED", "A Portal-Actor token was missing, expired or not signed by a known key."),
    _ours("SALESFORCE_MISCONFIGURED", "Salesforce refuses our set-up: {message}"),
    _ours("WHMCS_MISCONFIGURED", "WHMCS refuses our set-up: {message}"),
    _ours("FREEBIT_MISCONFIGURED", "Freebit refuses our set-up: {message}"),
    _ours("MAIL_MISCONFIGURED", "The mail provider refuses our set-up: {message}"),
)
