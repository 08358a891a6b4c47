"""Generated from pubsub.proto, which says how."""
