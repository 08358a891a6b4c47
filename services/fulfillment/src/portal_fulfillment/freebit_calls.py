"""The calls of Freebit that this adapter makes, and the words its tables choose from."""

from enum import StrEnum


class Call(StrEnum):
    """The calls this adapter makes; the value is the key in the tables (freebit_codes.py)."""

    LOG_IN = "log_in"
    DETAIL = "detail"
    TRAFFIC = "traffic"
    QUOTA_HISTORY = "quota_history"
    ACTIVATE_ESIM = "activate_esim"
    REISSUE_ESIM = "reissue_esim"
    REGISTER_CARD = "register_card"
    RESERVE_CARD = "reserve_card"
    REGISTER_RESERVED_CARD = "register_reserved_card"
    CHANGE_RESERVED_CARD = "change_reserved_card"
    ACTIVATE_OVER_THE_AIR = "activate_over_the_air"
    ADD_QUOTA = "add_quota"
    REGISTER_VOICE_OPTIONS = "register_voice_options"
    CHANGE_VOICE_OPTIONS = "change_voice_options"
    CHANGE_PLAN = "change_plan"
    CHANGE_NETWORK = "change_network"
    CANCEL_LINE = "cancel_line"


class CardRoute(StrEnum):
    """How a SIM card is switched on: PA02-01, PA05-18 then PA05-19, or PA05-33 (freebit.md 3.9)."""

    ACCOUNT_REGISTRATION = "account_registration"
    SEMI_BLACK = "semi_black"
    OVER_THE_AIR = "ota"


class Body(StrEnum):
    """How the JSON travels (freebit.md 1)."""

    URLENCODED = "urlencoded"
    MULTIPART = "multipart"
    JSON = "json"


class Reason(StrEnum):
    """Why Freebit refused, in our words; `UNKNOWN` for a code pair that is in no table."""

    INVALID_REQUEST = "invalid_request"
    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_NOT_ACTIVE = "account_not_active"
    ACCOUNT_TAKEN = "account_taken"
    NOT_SUPPORTED_FOR_ACCOUNT = "not_supported_for_account"
    PLAN_INVALID = "plan_invalid"
    ACCOUNT_BUSY = "account_busy"
    QUOTA_OUT_OF_RANGE = "quota_out_of_range"
    EID_INVALID = "eid_invalid"
    EID_CONFLICT = "eid_conflict"
    MNP_RESERVATION_INVALID = "mnp_reservation_invalid"
    MNP_IDENTITY_MISMATCH = "mnp_identity_mismatch"
    SIM_NOT_AVAILABLE = "sim_not_available"
    UNSUPPORTED_PATTERN = "unsupported_pattern"
    KEY_INVALID = "key_invalid"
    FORBIDDEN = "forbidden"
    SYSTEM_ERROR = "system_error"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
