"""Account, Contact, Opportunity, Case and the rest of the objects that are not products or orders."""

from dataclasses import replace

from portal_sandbox.salesforce.dialect import (
    CASE_STATUSES,
    CASE_TYPES,
    COMMODITY_TYPES,
    OPPORTUNITY_STAGES,
    PORTAL_SOURCES,
    REGISTRATION_SOURCES,
    Dialect,
)
from portal_sandbox.salesforce.fields import (
    Field,
    ObjectType,
    address,
    checkbox,
    choice,
    day,
    key,
    long_text,
    lookup,
    moment,
    money,
    number,
    text,
)

CLOSED_OPPORTUNITY_STAGES = frozenset({"Active", OPPORTUNITY_STAGES[5], "Void"})

SYSTEM_FIELDS = (
    replace(moment("CreatedDate"), createable=False, updateable=False),
    lookup("CreatedById", "User").read_only(),
    replace(moment("LastModifiedDate"), createable=False, updateable=False),
    lookup("LastModifiedById", "User").read_only(),
    replace(moment("SystemModstamp"), createable=False, updateable=False, in_change_events=False),
    replace(checkbox("IsDeleted").read_only(), in_change_events=False),
)


def define(name: str, prefix: str, *fields: Field, deletable: bool = True, recycled: bool = True) -> ObjectType:
    """An object with Id first and the system fields last."""
    identifier = Field("Id", "id", length=18, createable=False, updateable=False, in_change_events=False)
    return ObjectType(name, prefix, (identifier, *fields, *SYSTEM_FIELDS), deletable=deletable, recycled=recycled)


def account() -> ObjectType:
    """Account with the portal's fields (requirements R027-R029, R185-R188, R197-R202, R305-R307)."""
    return define(
        "Account",
        "001",
        text("Name", required=True),
        Field("Type", "picklist", length=255, picklist=("Prospect", "Customer")),
        lookup("ParentId", "Account", children="ChildAccounts"),
        *address("Billing"),
        *address("Shipping"),
        Field("Phone", "phone", length=40),
        text("AccountNumber", 40),
        Field("Website", "url", length=255),
        long_text("Description"),
        lookup("OwnerId", "User"),
        key("SF_Account_No__c", 40),
        text("WH_Account__c"),
        choice("Portal_Status__c", ("Active", "Inactive")),
        choice("Portal_Registration_Source__c", REGISTRATION_SOURCES),
        text("Internet_Eligibility__c"),
        choice("Internet_Eligibility_Status__c", ("Pending", "Checked")),
        moment("Internet_Eligibility_Request_Date_Time__c"),
        moment("Internet_Eligibility_Checked_Date_Time__c"),
        choice("Id_Verification_Status__c", ("Pending", "Verified", "Rejected")),
        moment("Id_Verification_Submitted_Date_Time__c"),
        moment("Id_Verification_Verified_Date_Time__c"),
        long_text("Id_Verification_Note__c"),
        Field("Id_Verification_Rejection_Message__c", "textarea", length=255),
    )


def contact() -> ObjectType:
    """Contact; Name is derived from its parts."""
    return define(
        "Contact",
        "003",
        text("LastName", 80, required=True),
        text("FirstName", 40),
        Field("Name", "string", length=121, createable=False, updateable=False, calculated=True),
        lookup("AccountId", "Account", children="Contacts"),
        Field("Email", "email", length=80),
        Field("Phone", "phone", length=40),
        *address("Mailing"),
        day("Birthdate"),
        text("Nationality__c", 2),
        text("Gender__c", 20),
        lookup("OwnerId", "User"),
        key("Portal_Contact_Key__c"),
    )


def opportunity(dialect: Dialect) -> ObjectType:
    """Opportunity; IsClosed and IsWon follow StageName (R224-R235, R310)."""
    return define(
        "Opportunity",
        "006",
        text("Name", 120, required=True),
        lookup("AccountId", "Account", children="Opportunities"),
        choice("StageName", OPPORTUNITY_STAGES, required=True),
        day("CloseDate", required=True),
        money("Amount"),
        long_text("Description"),
        Field("IsClosed", "boolean", createable=False, updateable=False, calculated=True, default=False),
        Field("IsWon", "boolean", createable=False, updateable=False, calculated=True, default=False),
        lookup("OwnerId", "User"),
        choice(dialect.commodity_field, COMMODITY_TYPES),
        choice("Portal_Source__c", PORTAL_SOURCES),
        Field("Application_Stage__c", "picklist", length=255, picklist=("INTRO-1", "INTRO-2", "N/A")),
        choice("CancellationNotice__c", ("Received", "Not Received", "Not Required")),
        moment("ScheduledCancellationDateAndTime__c"),
        choice("LineReturn__c", ("NotYet", "SentKit", "Returned", "NotNeeded")),
        number("WHMCS_Service_ID__c"),
        key("Portal_Opportunity_Key__c"),
    )


def case() -> ObjectType:
    """Case; CaseNumber is an auto number, IsClosed follows Status (R219-R223)."""
    return define(
        "Case",
        "500",
        Field("CaseNumber", "string", length=30, createable=False, updateable=False, auto_number=True),
        lookup("ContactId", "Contact", children="Cases"),
        lookup("AccountId", "Account", children="Cases"),
        lookup("ParentId", "Case", children="Cases"),
        text("SuppliedName", 80),
        Field("SuppliedEmail", "email", length=80),
        text("SuppliedPhone", 40),
        choice("Type", CASE_TYPES),
        choice("Status", CASE_STATUSES, default="New"),
        Field("Reason", "picklist", length=255, picklist=("Installation", "Billing", "Other")),
        choice("Origin", ("Phone", "Email", "Web", "Portal Website")),
        text("Subject"),
        choice("Priority", ("High", "Medium", "Low"), default="Medium"),
        long_text("Description"),
        Field("IsClosed", "boolean", createable=False, updateable=False, default=False),
        replace(moment("ClosedDate"), createable=False, updateable=False),
        checkbox("IsEscalated"),
        Field("ContactEmail", "email", length=80, createable=False, updateable=False, calculated=True),
        Field("Comments", "textarea", length=4000, write_only=True, in_change_events=False),
        lookup("OwnerId", "User"),
        replace(
            lookup("OpportunityId__c", "Opportunity"), relationship="Opportunity__r", child_relationship="Cases__r"
        ),
        key("Portal_Case_Key__c"),
    )


def case_comment() -> ObjectType:
    """CaseComment: no change events exist for it."""
    return define(
        "CaseComment",
        "00a",
        lookup("ParentId", "Case", children="CaseComments", required=True).create_only(),
        Field("CommentBody", "textarea", length=4000),
        checkbox("IsPublished"),
    )


def task() -> ObjectType:
    """Task: a to-do for staff."""
    return define(
        "Task",
        "00T",
        lookup("WhoId", "Contact"),
        replace(lookup("WhatId", "Account"), refer_to=("Account", "Opportunity", "Case", "Order")),
        text("Subject"),
        day("ActivityDate"),
        choice("Status", ("Not Started", "In Progress", "Completed", "Deferred"), default="Not Started"),
        choice("Priority", ("High", "Normal", "Low"), default="Normal"),
        long_text("Description"),
        lookup("OwnerId", "User"),
    )


def content_objects() -> tuple[ObjectType, ...]:
    """Files: a ContentVersion makes its ContentDocument and, with FirstPublishLocationId, the link (3.4)."""
    version = define(
        "ContentVersion",
        "068",
        lookup("ContentDocumentId", "ContentDocument", children="ContentVersions").create_only(),
        text("Title"),
        replace(text("PathOnClient", 500, required=True), updateable=False),
        Field("VersionData", "base64", required=True),
        replace(lookup("FirstPublishLocationId", "Account").create_only(), relationship=None, refer_to=()),
        choice("Origin", ("C", "H"), default="C").create_only(),
        long_text("Description", 1000),
        *(
            replace(item, createable=False, updateable=False)
            for item in (
                text("VersionNumber", 20),
                checkbox("IsLatest"),
                text("FileType", 20),
                text("FileExtension", 40),
                Field("ContentSize", "int"),
                text("Checksum", 50),
                text("PublishStatus", 1),
            )
        ),
        deletable=False,
    )
    document = define(
        "ContentDocument",
        "069",
        text("Title").read_only(),
        text("FileType", 20).read_only(),
        text("FileExtension", 40).read_only(),
        Field("ContentSize", "int", createable=False, updateable=False),
        lookup("LatestPublishedVersionId", "ContentVersion").read_only(),
        lookup("OwnerId", "User").read_only(),
    )
    link = define(
        "ContentDocumentLink",
        "06A",
        lookup("ContentDocumentId", "ContentDocument", children="ContentDocumentLinks", required=True).create_only(),
        replace(
            lookup("LinkedEntityId", "Account", children="ContentDocumentLinks", required=True).create_only(),
            refer_to=("Account", "Contact", "Opportunity", "Case", "Order"),
        ),
        choice("ShareType", ("V", "C", "I"), default="V"),
        choice("Visibility", ("AllUsers", "InternalUsers", "SharedUsers"), default="AllUsers"),
        recycled=False,
    )
    return version, document, link


def organization_objects() -> tuple[ObjectType, ...]:
    """Organization and User: what a client may look up about the org and itself."""
    organization = define(
        "Organization",
        "00D",
        text("Name", 80).read_only(),
        text("InstanceName", 5).read_only(),
        checkbox("IsSandbox").read_only(),
        text("OrganizationType", 40).read_only(),
        text("TimeZoneSidKey", 40).read_only(),
        deletable=False,
    )
    user = define(
        "User",
        "005",
        text("Username", 80).read_only(),
        text("Name", 121).read_only(),
        text("LastName", 80).read_only(),
        Field("Email", "email", length=128, createable=False, updateable=False),
        checkbox("IsActive", default=True).read_only(),
        deletable=False,
    )
    return organization, user
