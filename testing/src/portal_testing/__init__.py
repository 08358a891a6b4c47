"""The portal's stack as pytest fixtures, for us and for other teams."""
