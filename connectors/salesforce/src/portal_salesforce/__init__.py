"""The Salesforce wire: token, REST, SOQL, ids, dialect. Services share it; each translates its own objects."""

from portal_salesforce.api_usage import ApiUsage
from portal_salesforce.client import Salesforce
from portal_salesforce.composite import SubReply, SubRequest, change, creation, lookup, upsertion
from portal_salesforce.dialect import Dialect, DialectSource
from portal_salesforce.errors import SalesforceRefusal
from portal_salesforce.field_values import Fields, Record, Reference
from portal_salesforce.own_writes import OwnWrites
from portal_salesforce.profile import STAGE_CANCELLED, STAGE_CANCELLING, UNKNOWN, load_profile
from portal_salesforce.record_rows import RowReply
from portal_salesforce.settings import CLIENT_NAME, SalesforceSettings
from portal_salesforce.token import AccessToken, AccessTokens

__all__ = [
    "CLIENT_NAME",
    "STAGE_CANCELLED",
    "STAGE_CANCELLING",
    "UNKNOWN",
    "AccessToken",
    "AccessTokens",
    "ApiUsage",
    "Dialect",
    "DialectSource",
    "Fields",
    "OwnWrites",
    "Record",
    "Reference",
    "RowReply",
    "Salesforce",
    "SalesforceRefusal",
    "SalesforceSettings",
    "SubReply",
    "SubRequest",
    "change",
    "creation",
    "load_profile",
    "lookup",
    "upsertion",
]
