"""Journeys on the whole portal: real processes, NATS, Postgres, Redis and the sandbox."""
