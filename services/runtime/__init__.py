"""What every process needs to run: settings and connections, named SQL, retries, credentials, ports, start and exit."""
