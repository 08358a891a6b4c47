from prometheus_client import REGISTRY

from portal_changefeed.watch_allocations import WatchAllocations


def test_what_is_left_is_shown_and_little_is_named():
    """R285."""
    limits = {
        "DailyApiRequests": {"Max": 100000, "Remaining": 19000},
        "DailyDeliveredPlatformEvents": {"Max": 50000, "Remaining": 49000},
        "HourlyPublishedPlatformEvents": {"Max": 0, "Remaining": 0},
        "DataStorageMB": {"Max": 5, "Remaining": 0},
    }
    assert WatchAllocations.show(limits) == ["DailyApiRequests"]
    left = {"allocation": "DailyDeliveredPlatformEvents"}
    assert REGISTRY.get_sample_value("portal_salesforce_allocation_left", left) == 49000
    assert REGISTRY.get_sample_value("portal_salesforce_allocation_left", {"allocation": "DataStorageMB"}) is None
