"""Generated from pubsub.proto with grpcio-tools 1.85.1; see regenerate.py."""
