"""The portal in containers: its secrets, starting it, playing the demo on it, restarting it in turn."""
