"""The state rebuilt from the stored events into a new generation while workers go on, the switch to it, and the rollback."""
