"""`make demo`: the main job played as a customer and as staff, every fact read back through the vendors' own APIs."""
