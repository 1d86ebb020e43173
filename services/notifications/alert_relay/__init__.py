"""How alerts reach people: Alertmanager's configuration, and a relay to the chat robots that it cannot speak to."""
