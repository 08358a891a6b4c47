"""SendGrid's v3 mail send: validates like the real one, keeps what it accepted, shows it in a mailbox."""
