"""Checkout, order status, timeline, opportunities."""
