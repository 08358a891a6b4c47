"""What services say to one another: messages, subjects, topology, problems, canonical values."""
