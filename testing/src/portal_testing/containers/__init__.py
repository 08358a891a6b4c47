"""The whole portal in containers, for `TEST_INFRA=docker`."""
