"""The relay between Alertmanager and the chat robots that it cannot address itself."""
