"""Problems of asking at all: waiting, malformed requests, sign-up, log-in, and our own set-up."""

from typing import Final

from portal_contracts.problem_entry import ProblemEntry, later, refused

_BUSY_EN: Final = "This is not available right now. Please try again in a moment."
_BUSY_JA: Final = "ただいまご利用いただけません。しばらくしてからもう一度お試しください。"
PROBLEMS_OF_REQUESTS: Final[tuple[ProblemEntry, ...]] = (
    # waiting
    later("SERVICE_UNAVAILABLE", "us", _BUSY_EN, _BUSY_JA, "A portal service did not answer in time."),
    later("DATABASE_UNAVAILABLE", "us", _BUSY_EN, _BUSY_JA, "A service's database cannot be reached."),
    later("DEADLINE_PASSED", "us", _BUSY_EN, _BUSY_JA, "The request arrived after its caller had given up.", after=1),
    later("OVERLOADED", "us", _BUSY_EN, _BUSY_JA, "A service's queue is full.", after=2),
    later(
        "SALESFORCE_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "Salesforce does not answer or its quota is used up."
    ),
    later("WHMCS_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "WHMCS does not answer."),
    later("FREEBIT_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "Freebit does not answer."),
    later("MAIL_UNAVAILABLE", "vendor", _BUSY_EN, _BUSY_JA, "The mail provider does not answer."),
    later(
        "RATE_LIMITED",
        "customer",
        "Too many tries. Please wait {seconds} seconds and try again.",
        "試行回数が多すぎます。{seconds}秒後にもう一度お試しください。",
        "A rate limit of the portal was reached.",
        after=60,
        status=429,
    ),
    later(
        "IN_PROGRESS",
        "us",
        "The same request is still being worked on. Please look again in a moment.",
        "同じお手続きを処理中です。しばらくしてからご確認ください。",
        "A request with this idempotency key is still running.",
        after=2,
        status=409,
    ),
    # the request itself
    refused(
        "BAD_REQUEST",
        422,
        "Please check the marked fields.",
        "入力内容をご確認ください。",
        "The request does not fit its schema.",
    ),
    refused("FIELD_MISSING", 422, "Please fill this in.", "入力してください。", "A required field is missing."),
    refused(
        "FIELD_INVALID",
        422,
        "This does not look right: {reason}",
        "入力内容が正しくありません。{reason_ja}",
        "A field has a wrong form.",
    ),
    refused(
        "FIELD_TOO_LONG",
        422,
        "At most {limit} characters, please.",
        "{limit}文字以内で入力してください。",
        "A text is too long.",
    ),
    refused(
        "FIELD_TOO_SHORT",
        422,
        "At least {limit} characters, please.",
        "{limit}文字以上で入力してください。",
        "A text is too short.",
    ),
    refused(
        "NOT_FOUND",
        404,
        "We could not find that.",
        "見つかりませんでした。",
        "Nothing with this id belongs to the caller.",
    ),
    refused(
        "METHOD_NOT_ALLOWED",
        405,
        "This address does not take that method.",
        "この操作はできません。",
        "Wrong HTTP method.",
    ),
    refused(
        "UNSUPPORTED_MEDIA_TYPE",
        415,
        "Send the body as application/json, uncompressed.",
        "application/json形式で、圧縮せずに送信してください。",
        "The body has another content type than JSON, or is compressed.",
    ),
    refused(
        "PAYLOAD_TOO_LARGE",
        413,
        "That is too large: at most {limit} bytes.",
        "データが大きすぎます。",
        "The body is over the limit.",
    ),
    refused(
        "SESSION_REQUIRED",
        401,
        "Please log in.",
        "ログインしてください。",
        "The call needs a signed-in customer.",
    ),
    refused(
        "SESSION_EXPIRED",
        401,
        "Your session has ended. Please log in again.",
        "セッションの有効期限が切れました。もう一度ログインしてください。",
        "The session or the API token is unknown, expired or revoked.",
    ),
    refused(
        "CSRF_REFUSED",
        403,
        "This request did not come from the portal's page. Reload the page and try again.",
        "ページを再読み込みして、もう一度お試しください。",
        "CSRF token or Origin header is missing or foreign.",
    ),
    refused("FORBIDDEN", 403, "You may not do that.", "この操作は許可されていません。", "The caller lacks the role."),
    refused(
        "IDEMPOTENCY_KEY_REUSED",
        422,
        "This request repeats an earlier one with other content. Start again.",
        "以前のお手続きと内容が異なります。最初からやり直してください。",
        "The idempotency key was used with another fingerprint (C16).",
    ),
    # sign-up and log-in
    refused(
        "PASSWORD_TOO_WEAK",
        422,
        "Use at least {limit} characters that are not a well-known password.",
        "{limit}文字以上で、推測されにくいパスワードを設定してください。",
        "The password is too short or on the block list.",
    ),
    refused(
        "EMAILS_DIFFER",
        422,
        "The two e-mail addresses differ.",
        "メールアドレスが一致しません。",
        "E-mail confirmation differs (R016).",
    ),
    refused(
        "PASSWORDS_DIFFER",
        422,
        "The two passwords differ.",
        "パスワードが一致しません。",
        "Password confirmation differs (R016).",
    ),
    refused(
        "CUSTOMER_NUMBER_CONFLICT",
        400,
        "customerNumber and sfNumber differ. Send one of them.",
        "お客様番号の指定が一致しません。",
        "Both names of the Customer Number were sent with different values (C11).",
    ),
    refused(
        "CREDENTIALS_WRONG",
        401,
        "E-mail address or password is wrong.",
        "メールアドレスまたはパスワードが正しくありません。",
        "Log-in refused.",
    ),
    refused(
        "CURRENT_PASSWORD_WRONG",
        422,
        "This is not your current password.",
        "現在のパスワードが正しくありません。",
        "A password change named a wrong current password.",
    ),
    refused(
        "PASSWORD_LINK_INVALID",
        404,
        "This link is used up or too old. Please ask for a new one.",
        "このリンクは無効です。もう一度パスワードの再設定をお試しください。",
        "The password link is unknown, used, expired, or from before the password was last changed.",
    ),
    refused(
        "SIGNUP_LINK_INVALID",
        404,
        "This link is used up or too old. Please sign up again.",
        "このリンクは無効です。もう一度お申し込みください。",
        "The sign-up link is unknown, used or expired.",
    ),
    refused(
        "SIGNUP_PASSWORD_WRONG",
        422,
        "Please enter the password you chose when you signed up. If you did not sign up, just close this page.",
        "お申し込みの際に設定したパスワードを入力してください。お申し込みに心当たりがない場合は、この画面を閉じてください。",
        "A sign-up link was used without the password of its form (C39); after five tries the link is over.",
    ),
    refused(
        "CUSTOMER_NUMBER_TAKEN",
        409,
        "This Customer Number already has a portal account. Log in or reset your password.",
        "このお客様番号は登録済みです。ログインまたはパスワードの再設定をお試しください。",
        "Customer Number already linked to a portal user (R022).",
    ),
    refused(
        "EMAIL_TAKEN",
        409,
        "This e-mail address already has a portal account. Log in or reset your password. Is the account somebody "
        "else's who shares the mailbox? Then please use another address, or ask our support.",
        "登録済みのメールアドレスです。ログインまたはパスワードの再設定をお試しください。メールアドレスを共有されているご家族などの"
        "アカウントの場合は、別のメールアドレスをご利用いただくか、サポートまでお問い合わせください。",
        "E-mail already belongs to a portal user (R022).",
    ),
    refused(
        "BILLING_ACCOUNT_EXISTS",
        409,
        "You already have a billing account with us. Please use 'Link account'.",
        "すでに請求アカウントをお持ちです。「アカウント連携」をご利用ください。",
        "The e-mail already has a WHMCS client without this Customer Number (R023).",
    ),
    refused(
        "CUSTOMER_NUMBER_NOT_PROVEN",
        409,
        "We could not match your details with this Customer Number. Please check number, name and postcode on your "
        "contract letter and sign up again, or ask our support.",
        "お客様番号とご入力内容を照合できませんでした。ご契約書類でお客様番号、お名前、郵便番号をご確認のうえ、もう一度お申し込みいただくか、"
        "サポートまでお問い合わせください。",
        "The number is unknown, or neither the e-mail nor name and postcode on file match (R021, C39, D18).",
    ),
    refused(
        "LINK_MISMATCH",
        409,
        "Your account needs a check by our staff. We will contact you.",
        "担当者による確認が必要です。追ってご連絡いたします。",
        "Salesforce's WH_Account__c names another WHMCS client than the portal's link.",
        owner="staff",
    ),
)
