"""The bus admin loop: streams, consumers, users and permissions from the topology."""
