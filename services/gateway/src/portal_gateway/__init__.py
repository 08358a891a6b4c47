"""HTTP in, bus out; stateless."""
