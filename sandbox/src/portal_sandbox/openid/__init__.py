"""An eKYC provider that reads an identity card and speaks OpenID Connect, as Japan's authentication app does."""
