"""What a running process shows: metrics, health, logs."""
