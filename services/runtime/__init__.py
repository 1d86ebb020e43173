"""What every process needs to run: settings and connections, named SQL, credentials, ports, and how it ends."""
