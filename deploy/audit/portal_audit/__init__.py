"""What the portal is made of: known vulnerabilities and licences of everything the lock file and the images hold."""
